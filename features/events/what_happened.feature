Feature: The event feed
  Everything that happens is published as an event: once, in order, and without personal data.

  @event-1
  Rule: E1. The events of a wallet are in the order in which they happened

    Scenario: Deposits, withdrawals, transfers and freezes
      Given Aline is a customer
      And Bosco is a customer
      When 1,000 RWF is deposited into Aline's wallet
      And 300 RWF is transferred from Aline's wallet to Bosco's wallet
      And 50 RWF is withdrawn from Bosco's wallet
      And Aline's wallet is frozen for money going out
      And Aline's wallet is unfrozen
      Then the events of Aline's wallet are:
        | number | what            | money    |
        | 1      | wallet opened   |          |
        | 2      | wallet credited | 1000 RWF |
        | 3      | wallet debited  | 300 RWF  |
        | 4      | wallet frozen   |          |
        | 5      | wallet unfrozen |          |
      And the events of Bosco's wallet are:
        | number | what            | money   |
        | 1      | wallet opened   |         |
        | 2      | wallet credited | 300 RWF |
        | 3      | wallet debited  | 50 RWF  |

  @event-2
  Rule: E2. A refused movement has an event of its own, and a repeated request has no second event

    Background:
      Given Aline is a customer with 1,000 RWF

    Scenario: A refused withdrawal
      When 5,000 RWF is withdrawn from Aline's wallet with the reference "rent"
      Then it is refused: not enough money
      And the events with the reference "rent" are:
        | number | what                 | money    |
        | 1      | transaction rejected | 5000 RWF |
      And the events of Aline's wallet are:
        | number | what            | money    |
        | 1      | wallet opened   |          |
        | 2      | wallet credited | 1000 RWF |

    Scenario: A repeated request
      When 400 RWF is withdrawn from Aline's wallet with the reference "rent"
      And the same request is sent again
      Then the answer is the same as before
      And the events with the reference "rent" are:
        | number | what            | money   |
        | 1      | funds withdrawn | 400 RWF |

  @event-3
  Rule: E3. No event contains a customer's name or contacts

    Scenario: A customer with all contact details
      Given Aline is a customer with 1,000 RWF
      When the office changes Aline's full name to "Aline Uwase"
      And 100 RWF is withdrawn from Aline's wallet
      Then no event contains the name or contacts of Aline
