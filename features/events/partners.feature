Feature: Notifying partners
  A partner who subscribes with an address receives events there.

  Background:
    Given Aline is a customer

  @event-4
  Rule: E4. A partner receives the events they subscribed to, from then on

    Scenario: All events
      Given 100 RWF is deposited into Aline's wallet
      And a partner subscribes to all events
      When 200 RWF is deposited into Aline's wallet
      And 50 RWF is withdrawn from Aline's wallet
      Then the partner receives these events of Aline's wallet:
        | number | what            | money   |
        | 3      | wallet credited | 200 RWF |
        | 4      | wallet debited  | 50 RWF  |

    Scenario: Events of some types
      Given a partner subscribes to "funds withdrawn, wallet frozen"
      When 200 RWF is deposited into Aline's wallet
      And Aline's wallet is frozen for money going out
      And Aline's wallet is unfrozen
      And 50 RWF is withdrawn from Aline's wallet
      Then the partner receives "wallet frozen, funds withdrawn" and nothing else

    Scenario: A repeated subscription has no second effect
      When a partner subscribes to "funds deposited"
      And the same request is sent again
      Then the answer is the same as before
      When 100 RWF is deposited into Aline's wallet
      Then the partner receives "funds deposited" and nothing else

    Scenario Outline: Addresses that are not accepted
      When a partner subscribes with the address "<address>"
      Then it is not accepted: the address is wrong

      Examples:
        | address                          |
        | partner.example                  |
        | ftp://partner.example/news       |
        | https://me:secret@partner.example |

  @event-5
  Rule: E5. An event that does not arrive is sent again later, in order

    Scenario: A partner is unreachable for a while
      Given a partner subscribes to all events
      And the partner cannot be reached
      When 100 RWF is deposited into Aline's wallet
      And 200 RWF is deposited into Aline's wallet
      And the partner can be reached again
      Then the partner receives these events of Aline's wallet:
        | number | what            | money   |
        | 2      | wallet credited | 100 RWF |
        | 3      | wallet credited | 200 RWF |

    Scenario: An undelivered event of one wallet does not delay another wallet's
      Given Bosco is a customer
      And a partner subscribes to all events
      And the partner cannot receive events about frozen wallets
      When Aline's wallet is frozen for money going out
      And 200 RWF is deposited into Aline's wallet
      And 300 RWF is deposited into Bosco's wallet
      Then the partner receives these events of Bosco's wallet:
        | number | what            | money   |
        | 2      | wallet credited | 300 RWF |
      When the partner can be reached again
      Then the partner receives these events of Aline's wallet:
        | number | what            | money   |
        | 2      | wallet frozen   |         |
        | 3      | wallet credited | 200 RWF |

    Scenario: A partner is unreachable for days
      Given a partner subscribes to all events
      And the partner cannot be reached
      When 100 RWF is deposited into Aline's wallet
      Then deliveries to the partner stop after 5 days
      When 200 RWF is deposited into Aline's wallet
      And the partner can be reached again
      And the partner subscribes again
      And 300 RWF is deposited into Aline's wallet
      And a day passes
      Then the partner receives these events of Aline's wallet:
        | number | what            | money   |
        | 2      | wallet credited | 100 RWF |
        | 4      | wallet credited | 300 RWF |

  @event-6
  Rule: E6. A partner can receive an event again, with the same id

    Scenario: Requesting an event again
      Given a partner subscribes to "funds deposited"
      When 100 RWF is deposited into Aline's wallet
      Then the partner receives "funds deposited" and nothing else
      When the partner requests "funds deposited" again
      Then the partner receives "funds deposited" 2 times with the same id
