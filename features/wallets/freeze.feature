Feature: Freezing wallets
  After a loss of a phone or a court order, a wallet is frozen; its balance does not change.

  Background:
    Given Aline is a customer with 5,000 RWF
    And Bosco is a customer with 5,000 RWF

  @wallet-3
  Rule: W3. A freeze for money going out still allows money to come in

    Scenario Outline: Movements while money going out is frozen
      Given Aline's wallet is frozen for money going out
      When 100 RWF is <moved>
      Then it is <outcome>
      And Aline's wallet holds <left>

      Examples:
        | moved                                         | outcome                                      | left      |
        | deposited into Aline's wallet                 | done                                         | 5,100 RWF |
        | transferred from Bosco's wallet to Aline's wallet | done                                     | 5,100 RWF |
        | withdrawn from Aline's wallet                 | refused: the wallet does not allow it now | 5,000 RWF |
        | transferred from Aline's wallet to Bosco's wallet | refused: the wallet does not allow it now | 5,000 RWF |

  @wallet-4
  Rule: W4. A freeze for all movements stops money in both directions

    Scenario Outline: Movements while all movements are frozen
      Given Aline's wallet is frozen for all movements
      When 100 RWF is <moved>
      Then it is refused: the wallet does not allow it now
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 5,000 RWF

      Examples:
        | moved                                             |
        | deposited into Aline's wallet                     |
        | withdrawn from Aline's wallet                     |
        | transferred from Bosco's wallet to Aline's wallet |
        | transferred from Aline's wallet to Bosco's wallet |

    Scenario: The customer's other wallets are not affected
      Given Aline has a savings wallet with 300 RWF
      And Aline's wallet is frozen for all movements
      When 100 RWF is withdrawn from Aline's savings wallet
      Then it is done

  @wallet-5
  Rule: W5. A freeze can be changed, and lasts until it is lifted

    Scenario: Extending a freeze from money going out to all movements
      Given Aline's wallet is frozen for money going out
      And Aline's wallet is frozen for all movements
      When 100 RWF is deposited into Aline's wallet
      Then it is refused: the wallet does not allow it now

    Scenario Outline: After unfreezing, money moves again
      Given Aline's wallet is frozen for <scope>
      When Aline's wallet is unfrozen
      Then it is done
      And Aline's wallet is active
      When 100 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And Bosco's wallet holds 5,100 RWF

      Examples:
        | scope           |
        | money going out |
        | all movements   |

    Scenario: Reactivating the customer does not lift the freeze
      Given Aline's wallet is frozen for money going out
      And Aline is suspended
      And Aline is reactivated
      When 100 RWF is withdrawn from Aline's wallet
      Then it is refused: the wallet does not allow it now
