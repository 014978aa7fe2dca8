Feature: Opening and closing wallets

  @wallet-1
  Rule: W1. An active customer can open any number of wallets, each in one currency

    Scenario Outline: Opening another wallet
      Given Aline is a customer
      When a wallet in <currency> named "travel" is opened for Aline
      Then it is done
      And Aline's travel wallet is active
      And Aline's travel wallet holds <nothing>
      And Aline has 2 wallets

      Examples:
        | currency | nothing   |
        | RWF      | 0 RWF     |
        | USD      | 0.00 USD  |
        | KWD      | 0.000 KWD |

    Scenario Outline: Currencies that are not accepted
      Given Aline is a customer
      When a wallet in <currency> named "travel" is opened for Aline
      Then it is not accepted: the currency is wrong
      And Aline has 1 wallet

      Examples:
        | currency | because                |
        | XXX      | it means no currency   |
        | XAU      | gold has no minor unit |
        | ABC      | it does not exist      |

    Scenario: Opening a wallet for a person who is not a customer is refused
      When a wallet in USD named "travel" is opened for a stranger
      Then it is refused: there is no such customer or wallet

  @wallet-2
  Rule: W2. A wallet can be closed when it is empty, and stays closed

    Scenario: Closing an empty wallet
      Given Aline is a customer
      And Aline has a travel wallet in USD
      When Aline's travel wallet is closed
      Then it is done
      And Aline's travel wallet is closed
      And Aline is active

    Scenario: Closing is refused while the wallet holds money
      Given Aline is a customer with 1 RWF
      When Aline's wallet is closed
      Then it is refused: there is still money in the wallet
      And Aline's wallet is active

    Scenario: Closing is refused even for the smallest amount
      Given Aline is a customer
      And Aline has a travel wallet with 0.001 KWD
      When Aline's travel wallet is closed
      Then it is refused: there is still money in the wallet
      When 0.001 KWD is withdrawn from Aline's travel wallet
      Then it is done
      When Aline's travel wallet is closed
      Then it is done

    Scenario: A closed wallet cannot be used or changed
      Given Aline is a customer
      And Aline has a travel wallet in USD
      And Aline's travel wallet is closed
      When 5.00 USD is deposited into Aline's travel wallet
      Then it is refused: the wallet does not allow it now
      When Aline's travel wallet is unfrozen
      Then it is refused: the wallet does not allow it now
      When Aline's travel wallet is frozen for all movements
      Then it is refused: the wallet does not allow it now
      When Aline's travel wallet is closed
      Then it is done
