Feature: Transfers

  @transaction-5
  Rule: T5. A transfer takes from one wallet exactly what it adds to the other

    Scenario Outline: Between wallets of two customers
      Given Aline is a customer
      And Bosco is a customer
      And Aline has a market wallet with <aline has>
      And Bosco has a market wallet with <bosco has>
      When <amount> is transferred from Aline's market wallet to Bosco's market wallet
      Then it is <outcome>
      And Aline's market wallet holds <aline keeps>
      And Bosco's market wallet holds <bosco gets>

      Examples:
        | aline has | bosco has | amount    | outcome                   | aline keeps | bosco gets |
        | 5,000 RWF | 100 RWF   | 1,500 RWF | done                      | 3,500 RWF   | 1,600 RWF  |
        | 5,000 RWF | 100 RWF   | 5,000 RWF | done                      | 0 RWF       | 5,100 RWF  |
        | 5,000 RWF | 100 RWF   | 5,001 RWF | refused: not enough money | 5,000 RWF   | 100 RWF    |
        | 10.00 USD | 0.01 USD  | 9.99 USD  | done                      | 0.01 USD    | 10.00 USD  |
        | 1.000 KWD | 1.000 KWD | 0.001 KWD | done                      | 0.999 KWD   | 1.001 KWD  |

    Scenario: Between wallets of the same customer
      Given Aline is a customer with 5,000 RWF
      And Aline has a savings wallet in RWF
      When 2,000 RWF is transferred from Aline's wallet to Aline's savings wallet
      Then it is done
      And Aline's wallet holds 3,000 RWF
      And Aline's savings wallet holds 2,000 RWF

    Scenario: Simultaneous transfers in both directions
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer with 5,000 RWF
      When Aline and Bosco pay each other 10 RWF 20 times at once
      Then all of them are done
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 5,000 RWF

  @transaction-6
  Rule: T6. A transfer needs two different existing wallets of one currency

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And Bosco has a travel wallet with 10.00 USD

    Scenario Outline: Transfers that are refused, and why
      When <amount> is transferred from <one> to <other>
      Then it is refused: <reason>
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 0 RWF
      And Bosco's travel wallet holds 10.00 USD

      Examples:
        | amount   | one                   | other                 | reason                                |
        | 100 RWF  | Aline's wallet        | Aline's wallet        | a wallet cannot pay itself            |
        | 100 RWF  | Aline's wallet        | Bosco's travel wallet | it is another currency                |
        | 1.00 USD | Aline's wallet        | Bosco's travel wallet | it is another currency                |
        | 1.00 USD | Bosco's travel wallet | Aline's wallet        | it is another currency                |
        | 100 RWF  | Aline's wallet        | a missing wallet      | there is no such customer or wallet   |
        | 100 RWF  | a missing wallet      | Aline's wallet        | there is no such customer or wallet   |

  @transaction-7
  Rule: T7. No money is lost or created: the sum of all wallets is zero

    Scenario: After several movements
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer with 2,500 RWF
      And Aline has a travel wallet with 100.00 USD
      When 1,250 RWF is transferred from Aline's wallet to Bosco's wallet
      And 3,750 RWF is withdrawn from Bosco's wallet
      And 99.99 USD is withdrawn from Aline's travel wallet
      And 500 RWF is withdrawn from Bosco's wallet
      Then it is refused: not enough money
      And the world outside holds -3,750 RWF
      And the world outside holds -0.01 USD
      And all wallets in RWF, with the world outside, sum to zero
      And all wallets in USD, with the world outside, sum to zero

    Scenario: Before the first movement
      Given Aline is a customer
      Then the world outside holds 0 RWF
      And all wallets in RWF, with the world outside, sum to zero
