Feature: Paying for goods

  @transaction-15
  Rule: T15. A payment moves money as a transfer does, to a merchant's wallet

    Scenario Outline: Paying a merchant
      Given Aline is a customer with <aline has>
      And Bosco is a merchant with 100 RWF
      When a payment of <amount> is made from Aline's wallet to Bosco's wallet
      Then it is <outcome>
      And Aline's wallet holds <aline keeps>
      And Bosco's wallet holds <bosco gets>

      Examples:
        | aline has | amount    | outcome                   | aline keeps | bosco gets |
        | 5,000 RWF | 1,200 RWF | done                      | 3,800 RWF   | 1,300 RWF  |
        | 5,000 RWF | 5,001 RWF | refused: not enough money | 5,000 RWF   | 100 RWF    |

    Scenario: Payments can be searched by their type
      Given Aline is a customer with 5,000 RWF
      And Bosco is a merchant
      And a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet with the reference "apples"
      And 300 RWF is transferred from Aline's wallet to Bosco's wallet with the reference "gift"
      When I search transactions by type "payment"
      Then I find "apples"

    Scenario: A repeated payment is done once
      Given Aline is a customer with 5,000 RWF
      And Bosco is a merchant
      When a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      And the same request is sent again
      Then it is done
      And Bosco's wallet holds 1,200 RWF
