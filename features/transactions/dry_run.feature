Feature: Trying out a movement
  Before money moves, a dry run shows what would happen: the very answer that the real request leads to at that moment,
  with the balances after it. Nothing is kept, neither a transaction nor the refusal of one.

  Background:
    Given Aline is a customer with 5,000 RWF
    And Bosco is a customer with 1,000 RWF
    And Chantal is a customer

  @transaction-22
  Rule: T22. A dry run gives the answer of the real request, and keeps nothing

    Scenario: A transfer that is possible
      When a transfer of 3,000 RWF from Aline's wallet to Bosco's wallet is tried out
      Then Aline's wallet would hold 2,000 RWF
      And Bosco's wallet would hold 4,000 RWF
      But Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 1,000 RWF
      And there are 2 transactions

    Scenario Outline: A movement that would be refused
      When <movement> is tried out
      Then it is refused: <reason>
      And there are 2 transactions

      Examples:
        | movement                                                            | reason                                |
        | a transfer of 5,001 RWF from Aline's wallet to Bosco's wallet       | not enough money                      |
        | a transfer of 1 RWF from Aline's wallet to Aline's wallet           | a wallet cannot pay itself            |
        | a payment of 1 USD from Aline's wallet to Bosco's wallet            | it is another currency                |
        | a withdrawal of 1 RWF from a missing wallet to a missing wallet     | there is no such customer or wallet   |

    Scenario: The real request afterwards
      Given a transfer of 3,000 RWF from Aline's wallet to Bosco's wallet was tried out
      When 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And the answer is the one of the dry run
      And Aline's wallet holds 2,000 RWF

    Scenario Outline: What is done with a hold or a transaction
      Given 3,000 RWF is held in Aline's wallet for Bosco's wallet
      And 500 RWF is transferred from Bosco's wallet to Aline's wallet
      When <trial> is tried out
      Then the hold is pending, with 0 RWF captured and 3,000 RWF held
      And Aline's wallet has 5,500 RWF, of which 3,000 RWF is held
      When <real>
      Then it is done
      And the answer is the one of the dry run

      Examples:
        | trial                          | real                             |
        | capturing the hold             | the hold is captured             |
        | voiding the hold               | the hold is voided               |
        | changing the hold to 3,500 RWF | the hold is changed to 3,500 RWF |
        | reversing the transfer         | the transfer is reversed         |

    Scenario: A change of a hold that would be refused
      Given 3,000 RWF is held in Aline's wallet for Bosco's wallet
      When changing the hold to 5,001 RWF is tried out
      Then it is refused: not enough money
      And the hold is pending, with 0 RWF captured and 3,000 RWF held

  @transaction-23
  Rule: T23. A batch can be tried out, too

    Scenario: All or none, and one movement is not possible
      When these are tried out together, all or none:
        | from           | to               | how much  |
        | Aline's wallet | Bosco's wallet   | 3,000 RWF |
        | Bosco's wallet | Chantal's wallet | 4,001 RWF |
      Then number 1 would be refused: another of them was refused
      And number 2 would be refused: not enough money
      And there are 2 transactions

    Scenario: A movement spends what an earlier one brings
      When these are tried out together, each on its own:
        | from           | to               | how much  |
        | Aline's wallet | Bosco's wallet   | 3,000 RWF |
        | Bosco's wallet | Chantal's wallet | 4,000 RWF |
        | Bosco's wallet | Chantal's wallet | 1 RWF     |
      Then number 1 is done
      And number 2 is done
      And number 3 would be refused: not enough money
      But Bosco's wallet holds 1,000 RWF
      And there are 2 transactions
