Feature: A wallet's history
  Every movement adds an entry with the balance after it, and no entry ever changes.

  @wallet-6
  Rule: W6. The history is complete, in order, and consistent with the balance

    Scenario: The history after several movements
      Given Aline is a customer
      And Bosco is a customer with 1,000 RWF
      When 5,000 RWF is deposited into Aline's wallet
      And 1,200 RWF is withdrawn from Aline's wallet
      And 9,000 RWF is withdrawn from Aline's wallet
      Then it is refused: not enough money
      When 800 RWF is transferred from Aline's wallet to Bosco's wallet
      And 50 RWF is transferred from Bosco's wallet to Aline's wallet
      Then the history of Aline's wallet is:
        | number | movement   | in or out | amount | balance after |
        | 1      | deposit    | in        | 5,000  | 5,000         |
        | 2      | withdrawal | out       | 1,200  | 3,800         |
        | 3      | transfer   | out       | 800    | 3,000         |
        | 4      | transfer   | in        | 50     | 3,050         |
      And the history of Bosco's wallet is:
        | number | movement | in or out | amount | balance after |
        | 1      | deposit  | in        | 1,000  | 1,000         |
        | 2      | transfer | in        | 800    | 1,800         |
        | 3      | transfer | out       | 50     | 1,750         |

    Scenario: A long history is complete
      Given Aline is a customer
      When 1 RWF is deposited into Aline's wallet 25 times
      Then the history of Aline's wallet has 25 entries, each with 1 RWF more

    Scenario: A new wallet has no history
      Given Aline is a customer
      Then the history of Aline's wallet has 0 entries, each with 1 RWF more

  @wallet-7
  Rule: W7. The balance at any past time can be read

    Scenario Outline: Before, between and after movements
      Given it is 2026-02-01 08:00
      And Aline is a customer
      And it is 2026-02-01 09:00
      And Aline has a travel wallet with 700.00 USD
      And it is 2026-02-01 10:00
      And 250.50 USD is withdrawn from Aline's travel wallet
      And it is 2026-02-03 17:30
      And 0.50 USD is deposited into Aline's travel wallet
      And it is 2026-03-01 00:00
      Then Aline's travel wallet held <balance> at <moment>

      Examples:
        | moment              | balance    |
        | 2026-01-01 00:00:00 | 0.00 USD   |
        | 2026-02-01 08:59:59 | 0.00 USD   |
        | 2026-02-01 09:00:00 | 700.00 USD |
        | 2026-02-01 09:59:59 | 700.00 USD |
        | 2026-02-01 10:00:00 | 449.50 USD |
        | 2026-02-03 17:29:59 | 449.50 USD |
        | 2026-02-03 17:30:00 | 450.00 USD |
        | 2026-03-01 00:00:00 | 450.00 USD |
