Feature: Customer status
  Customers are verified, suspended, reactivated and closed.

  @customer-6
  Rule: C6. Verifying records how well the customer's identity is established

    Scenario Outline: Verifying a customer at a tier
      Given Aline is a customer
      When Aline is verified as "<tier>"
      Then it is done
      And Aline's tier is "<tier>"

      Examples:
        | tier  |
        | 1     |
        | 2     |

    Scenario: Verifying a suspended customer is refused
      Given Aline is a customer
      And Aline is suspended
      When Aline is verified as "2"
      Then it is refused: the customer is not active

  @customer-7
  Rule: C7. No money moves into or out of a suspended customer's wallets

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer with 5,000 RWF
      And Aline is suspended

    Scenario: A withdrawal is refused
      When 100 RWF is withdrawn from Aline's wallet
      Then it is refused: the customer is not active
      And Aline's wallet holds 5,000 RWF

    Scenario: A deposit is refused
      When 100 RWF is deposited into Aline's wallet
      Then it is refused: the customer is not active

    Scenario Outline: Transfers are refused in both directions
      When 100 RWF is transferred from <one> to <other>
      Then it is refused: the customer is not active
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 5,000 RWF

      Examples:
        | one            | other          |
        | Aline's wallet | Bosco's wallet |
        | Bosco's wallet | Aline's wallet |

    Scenario: Opening a wallet is refused
      When a wallet in USD named "travel" is opened for Aline
      Then it is refused: the customer is not active

    Scenario: After reactivation money moves again
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
  Rule: C8. A customer can be closed when all their wallets are empty, and stays closed

    Scenario: Closing a customer closes their empty wallets
      Given Aline is a customer
      And Aline has a travel wallet in USD
      When Aline is closed as a customer
      Then it is done
      And Aline is closed
      And Aline's wallet is closed
      And Aline's travel wallet is closed

    Scenario: Closing is refused while a wallet holds money
      Given Aline is a customer
      And Aline has a travel wallet with 0.01 USD
      When Aline is closed as a customer
      Then it is refused: there is still money in the wallet
      And Aline is active
      And Aline's wallet is active

    Scenario: A suspended customer can be closed
      Given Aline is a customer
      And Aline is suspended
      When Aline is closed as a customer
      Then it is done

    Scenario Outline: A closed customer cannot be changed
      Given Aline is a customer
      And Aline is closed as a customer
      When Aline is <changed>
      Then it is refused: the customer is not active
      And Aline is closed

      Examples:
        | changed            |
        | reactivated        |
        | suspended          |
        | verified as "2"    |

    Scenario: A person who never registered cannot be changed
      When a stranger is suspended
      Then it is refused: there is no such customer or wallet
