Feature: A wallet's statement
  A statement has the balance at the beginning of a period, every movement in it, and the balance at its end.

  Background:
    Given it is 2026-01-10 08:00
    And Aline is a customer
    And Bosco is a customer
    And 5,000 RWF is deposited into Aline's wallet
    And it is 2026-01-31 23:59:59
    And 1,200 RWF is transferred from Aline's wallet to Bosco's wallet
    And it is 2026-02-01 00:00
    And 300 RWF is withdrawn from Aline's wallet
    And it is 2026-02-14 12:00
    And 50 RWF is transferred from Bosco's wallet to Aline's wallet
    And 700 RWF is deposited into Aline's wallet
    And it is 2026-03-01 00:00
    And 10 RWF is withdrawn from Aline's wallet
    And it is 2026-03-02 00:00

  @wallet-9
  Rule: W9. The opening balance plus what came in minus what went out is the closing balance, for any period

    A period begins with its first moment, and ends just before its last: one month's statement ends where the next
    month's begins, so that every movement is in exactly one of them.

    Scenario: A month
      Then the statement of Aline's wallet from 2026-02-01 00:00 to 2026-03-01 00:00 is:
        | movement   | in or out | amount | balance after |
        | opening    |           |        | 3,800         |
        | withdrawal | out       | 300    | 3,500         |
        | transfer   | in        | 50     | 3,550         |
        | deposit    | in        | 700    | 4,250         |
        | closing    |           |        | 4,250         |

    Scenario Outline: Any period
      Then the statement of Aline's wallet from <begin> to <end> goes from <opening> by <in> in and <out> out to <closing>

      Examples:
        | begin               | end                 | opening   | in        | out       | closing   |
        | 2026-01-10 08:00    | 2026-01-10 08:00    | 0 RWF     | 0 RWF     | 0 RWF     | 0 RWF     |
        | 2026-01-01 00:00    | 2026-02-01 00:00    | 0 RWF     | 5,000 RWF | 1,200 RWF | 3,800 RWF |
        | 2026-01-31 23:59:59 | 2026-02-01 00:00    | 5,000 RWF | 0 RWF     | 1,200 RWF | 3,800 RWF |
        | 2026-01-31 23:59:59 | 2026-01-31 23:59:59 | 5,000 RWF | 0 RWF     | 0 RWF     | 5,000 RWF |
        | 2026-02-01 00:00    | 2026-02-01 00:00:01 | 3,800 RWF | 0 RWF     | 300 RWF   | 3,500 RWF |
        | 2026-02-20 00:00    | 2026-02-25 00:00    | 4,250 RWF | 0 RWF     | 0 RWF     | 4,250 RWF |
        | 2026-01-01 00:00    | 2027-01-01 00:00    | 0 RWF     | 5,750 RWF | 1,510 RWF | 4,240 RWF |

    Scenario: A refused movement is in no statement
      When 9,000 RWF is withdrawn from Aline's wallet
      Then it is refused: not enough money
      And the statement of Aline's wallet from 2026-03-01 12:00 to 2026-03-03 00:00 goes from 4,240 RWF by 0 RWF in and 0 RWF out to 4,240 RWF

    Scenario: A currency with cents
      Given Aline has a travel wallet with 700.00 USD
      And 0.05 USD is withdrawn from Aline's travel wallet
      Then the statement of Aline's travel wallet from 2026-03-01 00:00 to 2026-03-03 00:00 goes from 0.00 USD by 700.00 USD in and 0.05 USD out to 699.95 USD

  @wallet-10
  Rule: W10. A period that ends before it begins has no statement

    Scenario: The other way round
      Then there is no statement of Aline's wallet from 2026-03-01 00:00 to 2026-02-01 00:00

    Scenario: A wallet that does not exist
      Then there is no statement of a missing wallet from 2026-02-01 00:00 to 2026-03-01 00:00
