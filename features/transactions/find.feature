Feature: Searching transactions
  By wallet, customer, type, status, reference, time, currency and amount, the newest first or the oldest.

  @transaction-11
  Rule: T11. Transactions can be searched by each of their details, and by several at once

    Background:
      Given it is 2026-02-01 08:00
      And Aline is a customer
      And Bosco is a customer
      And Aline has a travel wallet in USD
      And it is 2026-02-02 09:00
      And 5,000 RWF is deposited into Aline's wallet with the reference "salary"
      And it is 2026-02-03 10:00
      And 1,200 RWF is transferred from Aline's wallet to Bosco's wallet with the reference "rent"
      And it is 2026-02-03 11:00
      And 200 RWF is withdrawn from Bosco's wallet with the reference "cash"
      And it is 2026-02-04 12:00
      And 20.00 USD is deposited into Aline's travel wallet with the reference "gift"
      And 99,000 RWF was refused to be withdrawn from Aline's wallet with the reference "car"

    Scenario Outline: Searching by one detail
      When I search transactions by <detail> "<value>"
      Then I find "<found>"

      Examples:
        | detail    | value                 | found                         |
        | wallet    | Aline's wallet        | car, rent, salary             |
        | wallet    | Aline's travel wallet | gift                          |
        | wallet    | Bosco's wallet        | cash, rent                    |
        | customer  | Aline                 | car, gift, rent, salary       |
        | customer  | Bosco                 | cash, rent                    |
        | type      | deposit               | gift, salary                  |
        | type      | withdrawal            | car, cash                     |
        | type      | transfer              | rent                          |
        | status    | posted                | gift, cash, rent, salary      |
        | status    | rejected              | car                           |
        | reference | rent                  | rent                          |
        | reference | ren                   |                               |
        | currency  | USD                   | gift                          |
        | currency  | RWF                   | car, cash, rent, salary       |
        | currency  | KWD                   |                               |
        | from      | 2026-02-03 10:00      | car, gift, cash, rent         |
        | from      | 2026-02-03 10:01      | car, gift, cash               |
        | to        | 2026-02-03 10:00      | salary                        |
        | to        | 2026-02-03 10:01      | rent, salary                  |
        | to        | 2027-01-01 00:00      | car, gift, cash, rent, salary |

    Scenario: Searching by several details
      When I search transactions by these details:
        | customer | Aline            |
        | status   | posted           |
        | from     | 2026-02-03 00:00 |
        | to       | 2026-02-04 00:00 |
      Then I find "rent"

    Scenario Outline: Searching by amount
      When I search transactions by these details:
        | currency | RWF     |
        | least    | <least> |
        | most     | <most>  |
      Then I find "<found>"

      Examples:
        | least | most  | found        |
        | 1200  | 5000  | rent, salary |
        | 1200  | 1200  | rent         |
        | 1201  | 4999  |              |
        | 5001  | 99000 | car          |

    Scenario: The oldest first
      When I search transactions by these details:
        | customer | Aline |
        | order    | asc   |
      Then I find "salary, rent, gift, car"

    Scenario: No transaction matches all details
      When I search transactions by these details:
        | wallet | Bosco's wallet |
        | type   | deposit        |
      Then I find ""
