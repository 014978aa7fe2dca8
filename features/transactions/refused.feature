Feature: Refused movements are recorded
  Support can find every attempt, with the reason for its refusal.

  @transaction-8
  Rule: T8. A refused movement is kept with its reason, and moves nothing

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer with 5,000 RWF

    Scenario: Not enough money
      When 9,000 RWF is withdrawn from Aline's wallet with the reference "car"
      Then it is refused: not enough money
      And the attempt with the reference "car" is on record as refused: not enough money

    Scenario: Another currency
      When 9.00 USD is deposited into Aline's wallet with the reference "gift"
      Then it is refused: it is another currency
      And the attempt with the reference "gift" is on record as refused: it is another currency

    Scenario: The same wallet
      When 10 RWF is transferred from Aline's wallet to Aline's wallet with the reference "loop"
      Then it is refused: a wallet cannot pay itself
      And the attempt with the reference "loop" is on record as refused: a wallet cannot pay itself

    Scenario: A frozen wallet
      Given Aline's wallet is frozen for money going out
      When 10 RWF is transferred from Aline's wallet to Bosco's wallet with the reference "tea"
      Then it is refused: the wallet does not allow it now
      And the attempt with the reference "tea" is on record as refused: the wallet does not allow it now

    Scenario: A suspended customer
      Given Bosco is suspended
      When 10 RWF is transferred from Aline's wallet to Bosco's wallet with the reference "tea"
      Then it is refused: the customer is not active
      And the attempt with the reference "tea" is on record as refused: the customer is not active

    Scenario: A wallet that does not exist
      When 10 RWF is transferred from Aline's wallet to a missing wallet with the reference "typo"
      Then it is refused: there is no such customer or wallet
      And the attempt with the reference "typo" is on record as refused: there is no such customer or wallet

    Scenario: An invalid request is not recorded
      When the amount "lots" in RWF is deposited into Aline's wallet
      Then it is not accepted: the amount is wrong
      And there are 2 transactions
