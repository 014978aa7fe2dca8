Feature: What happened
  Everything that happens is told to those who follow it: each thing once, and nobody's name.

  @event-1
  Rule: E1. What happens to a wallet is told in the order in which it happened

    Scenario: Money comes and goes
      Given Aline is a customer
      And Bosco is a customer
      When 1,000 RWF is deposited into Aline's wallet
      And 300 RWF is transferred from Aline's wallet to Bosco's wallet
      And 50 RWF is withdrawn from Bosco's wallet
      And Aline's wallet is frozen for money going out
      And Aline's wallet is unfrozen
      Then what happened to Aline's wallet is:
        | number | what            | money    |
        | 1      | wallet opened   |          |
        | 2      | wallet credited | 1000 RWF |
        | 3      | wallet debited  | 300 RWF  |
        | 4      | wallet frozen   |          |
        | 5      | wallet unfrozen |          |
      And what happened to Bosco's wallet is:
        | number | what            | money   |
        | 1      | wallet opened   |         |
        | 2      | wallet credited | 300 RWF |
        | 3      | wallet debited  | 50 RWF  |

  @event-2
  Rule: E2. What was refused is told as refused, and what is sent again is told once

    Background:
      Given Aline is a customer with 1,000 RWF

    Scenario: There was not enough money
      When 5,000 RWF is withdrawn from Aline's wallet with the reference "rent"
      Then it is refused: not enough money
      And what happened under the reference "rent" is:
        | number | what                 | money    |
        | 1      | transaction rejected | 5000 RWF |
      And what happened to Aline's wallet is:
        | number | what            | money    |
        | 1      | wallet opened   |          |
        | 2      | wallet credited | 1000 RWF |

    Scenario: The sender did not know whether it arrived
      When 400 RWF is withdrawn from Aline's wallet with the reference "rent"
      And the same request is sent again
      Then the answer is the same as before
      And what happened under the reference "rent" is:
        | number | what            | money   |
        | 1      | funds withdrawn | 400 RWF |

  @event-3
  Rule: E3. Nothing that is told names a customer

    Scenario: A customer with every contact detail
      Given Aline is a customer with 1,000 RWF
      When the office changes Aline's full name to "Aline Uwase"
      And 100 RWF is withdrawn from Aline's wallet
      Then nothing that is told names Aline
