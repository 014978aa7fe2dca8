Feature: The trial balance
  It shows what the operator owes to customers, and where the money is that stands against it.

  Background:
    Given it is 2026-01-10 08:00
    And Aline is a customer with 5,000 RWF
    And Bosco is a customer with 1,000 RWF
    And Aline has a travel wallet with 700.00 USD
    And it is 2026-01-31 23:59
    And 300 RWF is transferred from Aline's wallet to Bosco's wallet
    And it is 2026-02-01 00:00
    And 2,500 RWF is withdrawn from Aline's wallet
    And it is 2026-03-01 00:00

  @report-1
  Rule: R1. Debits and credits of each currency are equal, at any time

    The operator's accounts are shown one by one. Customers' money is one liability: a transfer between customers does
    not change it.

    Scenario Outline: At a time
      Then the trial balance at <time> is:
        | account    | currency | debit        | credit      |
        | settlement | RWF      | <settlement> | 0           |
        | customers  | RWF      | 0            | <customers> |
        | settlement | USD      | 700.00       | 0.00        |
        | customers  | USD      | 0.00         | 700.00      |

      Examples:
        | time                | settlement | customers |
        | 2026-01-10 08:00    | 6,000      | 6,000     |
        | 2026-01-31 23:59:59 | 6,000      | 6,000     |
        | 2026-02-01 00:00    | 3,500      | 3,500     |
        | 2026-03-01 00:00    | 3,500      | 3,500     |

    Scenario: Before there was any money
      Then the trial balance at 2026-01-01 00:00 is:
        | account | currency | debit | credit |

    Scenario: With an adjustment
      Given an adjustment of 40 RWF is made with Aline's wallet
      Then the trial balance at 2026-03-01 00:00 is:
        | account    | currency | debit  | credit |
        | settlement | RWF      | 3,500  | 0      |
        | suspense   | RWF      | 40     | 0      |
        | customers  | RWF      | 0      | 3,540  |
        | settlement | USD      | 700.00 | 0.00   |
        | customers  | USD      | 0.00   | 700.00 |
