Feature: Repeated requests
  Phones lose their connection. A client that does not know whether a request arrived can safely send it again.

  @transaction-9
  Rule: T9. The same request sent again has no second effect, and gets the same answer

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer

    Scenario Outline: Repeated movements of money
      When <movement>
      Then it is done
      When the same request is sent again
      Then the answer is the same as before
      And Aline's wallet holds <left>

      Examples:
        | movement                                                   | left      |
        | 700 RWF is deposited into Aline's wallet                   | 5,700 RWF |
        | 700 RWF is withdrawn from Aline's wallet                   | 4,300 RWF |
        | 700 RWF is transferred from Aline's wallet to Bosco's wallet | 4,300 RWF |

    Scenario: Fifty repetitions at once
      When 100 RWF is deposited into Aline's wallet
      And the same request is sent 50 times at once
      Then every answer is the same
      And Aline's wallet holds 5,100 RWF

    Scenario: A refused request stays refused, although there is enough money now
      When 9,000 RWF is withdrawn from Aline's wallet
      Then it is refused: not enough money
      Given 10,000 RWF is deposited into Aline's wallet
      When the same request is sent again
      Then it is refused again: not enough money
      And Aline's wallet holds 15,000 RWF

    Scenario: Looking up what a request led to, without sending it again
      When 700 RWF is deposited into Aline's wallet
      Then it is done
      And its key leads to the same transaction
      When 9,000 RWF is withdrawn from Aline's wallet
      Then it is refused: not enough money
      And its key leads to a refusal: not enough money
      And a key that was never used leads to nothing

    Scenario: A repeated registration
      When Chantal registers
      Then it is done
      When the same request is sent again
      Then the answer is the same as before
      And there are 3 customers

    Scenario: A repeated opening of a wallet
      When a wallet in USD named "travel" is opened for Aline
      And the same request is sent again
      Then the answer is the same as before
      And Aline has 2 wallets

    Scenario: The answer shows the state at the first request, not the present state
      When 700 RWF is withdrawn from Aline's wallet
      Then it is done
      Given 100 RWF is withdrawn from Aline's wallet
      When the same request is sent again
      Then the answer is the same as before
      And Aline's wallet holds 4,200 RWF

  @transaction-10
  Rule: T10. A repeated request with different contents is refused

    Background:
      Given Aline is a customer with 5,000 RWF

    Scenario Outline: Different contents in the same request
      When 700 RWF is withdrawn from Aline's wallet
      And the same request is sent again, but with <another>
      Then it is refused: the request was used for something else
      And Aline's wallet holds 4,300 RWF

      Examples:
        | another                 |
        | the amount "701"        |
        | the currency "USD"      |
        | the reference "again"   |
        | the description "sorry" |

    Scenario: Two separate requests with the same contents are both done
      When 700 RWF is withdrawn from Aline's wallet
      And 700 RWF is withdrawn from Aline's wallet
      Then it is done
      And Aline's wallet holds 3,600 RWF
