Feature: Wallets of merchants
  A wallet is personal, or a merchant's: that of a business, which payments for goods and services go to.

  @wallet-11
  Rule: W11. Payments go to merchants' wallets only; all other movements go to wallets of any kind

    Scenario Outline: Who can be sent what
      Given Aline is a customer with 5,000 RWF
      And Bosco is <bosco>
      When <movement> of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      Then it is <outcome>
      And Aline's wallet holds <aline keeps>
      And Bosco's wallet holds <bosco has>

      Examples:
        | bosco      | movement   | outcome                              | aline keeps | bosco has |
        | a merchant | a payment  | done                                 | 3,800 RWF   | 1,200 RWF |
        | a customer | a payment  | refused: it is no merchant's wallet  | 5,000 RWF   | 0 RWF     |
        | a merchant | a transfer | done                                 | 3,800 RWF   | 1,200 RWF |
        | a customer | a transfer | done                                 | 3,800 RWF   | 1,200 RWF |

    Scenario Outline: Money is held for wallets of any kind
      Given Aline is a customer with 5,000 RWF
      And Bosco is <bosco>
      And 1,200 RWF is held in Aline's wallet for Bosco's wallet
      When the hold is captured
      Then it is done
      And Bosco's wallet holds 1,200 RWF

      Examples:
        | bosco      |
        | a merchant |
        | a customer |

    Scenario: A merchant pays another merchant
      Given Aline is a merchant with 5,000 RWF
      And Bosco is a merchant
      When a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      Then it is done

    Scenario: A payment is given back, whatever the wallet of the payer is
      Given Aline is a customer with 5,000 RWF
      And Bosco is a merchant
      And a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      When that is reversed
      Then it is done
      And Aline's wallet holds 5,000 RWF

    Scenario: A refused payment is recorded
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      When a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      Then it is refused: it is no merchant's wallet
      When the same request is sent again
      Then it is refused again: it is no merchant's wallet

  @wallet-12
  Rule: W12. A wallet is personal unless it was opened as, or changed into, another kind

    Scenario: The first wallet of a customer
      Given Aline is a customer
      Then Aline's wallet is a personal wallet

    Scenario: Opening the wallet of a business
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      When a merchant wallet in RWF named "shop" is opened for Bosco
      Then it is done
      And Bosco's shop wallet is a merchant wallet
      And Bosco's wallet is a personal wallet
      When a payment of 1,200 RWF is made from Aline's wallet to Bosco's shop wallet
      Then it is done

    Scenario: A wallet changes its kind
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      When Bosco's wallet is changed into a merchant wallet
      Then it is done
      And Bosco's wallet is a merchant wallet
      When a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      Then it is done
      When Bosco's wallet is changed into a personal wallet
      Then it is done
      When a payment of 1,200 RWF is made from Aline's wallet to Bosco's wallet
      Then it is refused: it is no merchant's wallet
      And Bosco's wallet holds 1,200 RWF

    Scenario: Kinds that do not exist
      Given Aline is a customer
      When a royal wallet in RWF named "crown" is opened for Aline
      Then it is not accepted: the kind is wrong
      When Aline's wallet is changed into a royal wallet
      Then it is not accepted: the kind is wrong

    Scenario: A closed wallet keeps its kind
      Given Aline is a customer
      And Aline's wallet is closed
      When Aline's wallet is changed into a merchant wallet
      Then it is refused: the wallet does not allow it now
