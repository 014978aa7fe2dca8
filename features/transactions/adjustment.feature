Feature: Correcting a balance
  An operator corrects a mistake. The money comes from the operator's suspense wallet, or goes into it, until the
  accounts explain it.

  @transaction-16
  Rule: T16. A balance is adjusted against the suspense wallet, with a reason, and never below zero

    Scenario Outline: Correcting a balance
      Given Aline is a customer with 5,000 RWF
      When <amount> is <moved> Aline's wallet as a correction because "A fee was taken twice"
      Then it is <outcome>
      And Aline's wallet holds <aline keeps>

      Examples:
        | amount    | moved      | outcome                   | aline keeps |
        | 500 RWF   | added to   | done                      | 5,500 RWF   |
        | 500 RWF   | taken from | done                      | 4,500 RWF   |
        | 5,000 RWF | taken from | done                      | 0 RWF       |
        | 5,001 RWF | taken from | refused: not enough money | 5,000 RWF   |

    Scenario: A correction needs a reason
      Given Aline is a customer with 5,000 RWF
      When 500 RWF is added to Aline's wallet as a correction because ""
      Then it is not accepted: the reason is wrong
      And Aline's wallet holds 5,000 RWF

    Scenario: A repeated correction is done once
      Given Aline is a customer
      When 500 RWF is added to Aline's wallet as a correction because "A fee was taken twice"
      And the same request is sent again
      Then it is done
      And Aline's wallet holds 500 RWF

    Scenario: Corrections can be searched by their type
      Given Aline is a customer with 5,000 RWF
      And an adjustment of 500 RWF is made from Aline's wallet to Aline's wallet with the reference "ticket 17"
      When I search transactions by type "adjustment"
      Then I find "ticket 17"
