Feature: Telling partners
  A partner who gives an address is told there what happens.

  Background:
    Given Aline is a customer

  @event-4
  Rule: E4. A partner is told what they asked for, from then on

    Scenario: Everything
      Given 100 RWF is deposited into Aline's wallet
      And a partner asks to be told everything
      When 200 RWF is deposited into Aline's wallet
      And 50 RWF is withdrawn from Aline's wallet
      Then the partner is told of Aline's wallet:
        | number | what            | money   |
        | 3      | wallet credited | 200 RWF |
        | 4      | wallet debited  | 50 RWF  |

    Scenario: Some of it
      Given a partner asks to be told of "funds withdrawn, wallet frozen"
      When 200 RWF is deposited into Aline's wallet
      And Aline's wallet is frozen for money going out
      And Aline's wallet is unfrozen
      And 50 RWF is withdrawn from Aline's wallet
      Then the partner is told of "wallet frozen, funds withdrawn", and no more

    Scenario: They did not know whether that arrived
      When a partner asks to be told of "funds deposited"
      And the same request is sent again
      Then the answer is the same as before
      When 100 RWF is deposited into Aline's wallet
      Then the partner is told of "funds deposited", and no more

    Scenario Outline: Not at every address
      When a partner asks to be told at "<address>"
      Then it is not accepted: the address is wrong

      Examples:
        | address                          |
        | partner.example                  |
        | ftp://partner.example/news       |
        | https://me:secret@partner.example |

  @event-5
  Rule: E5. What does not arrive is told later, in the order in which it happened

    Scenario: Out of reach for a while
      Given a partner asks to be told everything
      And the partner cannot be reached
      When 100 RWF is deposited into Aline's wallet
      And 200 RWF is deposited into Aline's wallet
      And the partner is in reach again
      Then the partner is told of Aline's wallet:
        | number | what            | money   |
        | 2      | wallet credited | 100 RWF |
        | 3      | wallet credited | 200 RWF |

    Scenario: What does not arrive of one wallet holds up no other
      Given Bosco is a customer
      And a partner asks to be told everything
      And the partner cannot be reached about wallets that are frozen
      When Aline's wallet is frozen for money going out
      And 200 RWF is deposited into Aline's wallet
      And 300 RWF is deposited into Bosco's wallet
      Then the partner is told of Bosco's wallet:
        | number | what            | money   |
        | 2      | wallet credited | 300 RWF |
      When the partner is in reach again
      Then the partner is told of Aline's wallet:
        | number | what            | money   |
        | 2      | wallet frozen   |         |
        | 3      | wallet credited | 200 RWF |

    Scenario: Out of reach for days
      Given a partner asks to be told everything
      And the partner cannot be reached
      When 100 RWF is deposited into Aline's wallet
      Then the partner is told no more, after 5 days
      When 200 RWF is deposited into Aline's wallet
      And the partner is in reach again
      And the partner asks to be told again from now on
      And 300 RWF is deposited into Aline's wallet
      And a day passes
      Then the partner is told of Aline's wallet:
        | number | what            | money   |
        | 2      | wallet credited | 100 RWF |
        | 4      | wallet credited | 300 RWF |

  @event-6
  Rule: E6. A partner can be told the same thing once more, and knows it again

    Scenario: They lost it
      Given a partner asks to be told of "funds deposited"
      When 100 RWF is deposited into Aline's wallet
      Then the partner is told of "funds deposited", and no more
      When the partner asks to be told once more of "funds deposited"
      Then the partner is told of "funds deposited" 2 times, as the same thing
