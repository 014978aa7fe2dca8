Feature: A customer's life
  Customers are verified, suspended, reactivated, and one day they leave.

  @customer-6
  Rule: C6. Verifying notes how well we know who a customer is

    Scenario Outline: From one tier to the next
      Given Aline is a customer
      When Aline is verified as "<tier>"
      Then it is done
      And Aline's tier is "<tier>"

      Examples:
        | tier  |
        | basic |
        | full  |

    Scenario: Only active customers are verified
      Given Aline is a customer
      And Aline is suspended
      When Aline is verified as "full"
      Then it is refused: the customer is not active

  @customer-7
  Rule: C7. No money of a suspended customer moves, in or out

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer with 5,000 RWF
      And Aline is suspended

    Scenario: Nothing goes out
      When 100 RWF is withdrawn from Aline's wallet
      Then it is refused: the customer is not active
      And Aline's wallet holds 5,000 RWF

    Scenario: Nothing comes in
      When 100 RWF is deposited into Aline's wallet
      Then it is refused: the customer is not active

    Scenario Outline: Nobody pays them, and they pay nobody
      When 100 RWF is transferred from <one> to <other>
      Then it is refused: the customer is not active
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 5,000 RWF

      Examples:
        | one            | other          |
        | Aline's wallet | Bosco's wallet |
        | Bosco's wallet | Aline's wallet |

    Scenario: No new wallet either
      When a wallet in USD named "travel" is opened for Aline
      Then it is refused: the customer is not active

    Scenario: Reactivated, all of it moves again
      When Aline is reactivated
      Then it is done
      And Aline is active
      When 100 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And Aline's wallet holds 4,900 RWF

    Scenario: Suspending twice changes nothing
      When Aline is suspended
      Then it is done
      And Aline is suspended

  @customer-8
  Rule: C8. A customer leaves with empty wallets, and for good

    Scenario: With all wallets empty
      Given Aline is a customer
      And Aline has a travel wallet in USD
      When Aline is closed as a customer
      Then it is done
      And Aline is closed
      And Aline's wallet is closed
      And Aline's travel wallet is closed

    Scenario: Not while there is money in one of them
      Given Aline is a customer
      And Aline has a travel wallet with 0.01 USD
      When Aline is closed as a customer
      Then it is refused: there is still money in the wallet
      And Aline is active
      And Aline's wallet is active

    Scenario: A suspended customer can leave
      Given Aline is a customer
      And Aline is suspended
      When Aline is closed as a customer
      Then it is done

    Scenario Outline: Who has left does not come back
      Given Aline is a customer
      And Aline is closed as a customer
      When Aline is <changed>
      Then it is refused: the customer is not active
      And Aline is closed

      Examples:
        | changed            |
        | reactivated        |
        | suspended          |
        | verified as "full" |

    Scenario: Nobody can be changed who was never there
      When a stranger is suspended
      Then it is refused: there is no such customer or wallet
