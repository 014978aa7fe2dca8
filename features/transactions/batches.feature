Feature: Batches of movements
  A payroll, or a sale that pays several people: up to a thousand movements are sent in one request. The sender chooses
  whether all or none of them are done, or each on its own.

  Background:
    Given Aline is a customer with 5,000 RWF
    And Bosco is a customer with 1,000 RWF
    And Chantal is a customer

  @transaction-12
  Rule: T12. All or none: if one movement is refused, none is done

    Scenario: All movements are possible
      When these are requested together, all or none:
        | from              | to                | how much  |
        | Aline's wallet    | Bosco's wallet    | 3,000 RWF |
        | Bosco's wallet    | Chantal's wallet  | 4,000 RWF |
        | Chantal's wallet  | the world outside | 500 RWF   |
        | the world outside | Aline's wallet    | 100 RWF   |
      Then every one of them is done
      And Aline's wallet holds 2,100 RWF
      And Bosco's wallet holds 0 RWF
      And Chantal's wallet holds 3,500 RWF

    Scenario: The last movement is refused
      When these are requested together, all or none:
        | from           | to               | how much  | reference |
        | Aline's wallet | Bosco's wallet   | 3,000 RWF | rent      |
        | Bosco's wallet | Chantal's wallet | 4,001 RWF | loan      |
      Then number 1 is refused: another of them was refused
      And number 2 is refused: not enough money
      And the others are not done because of number 2
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 1,000 RWF
      And Chantal's wallet holds 0 RWF

    Scenario: Every refused movement is recorded
      When these are requested together, all or none:
        | from           | to               | how much  | reference |
        | Aline's wallet | Bosco's wallet   | 3,000 RWF | rent      |
        | Aline's wallet | a missing wallet | 1 RWF     | typo      |
        | Aline's wallet | Chantal's wallet | 1,000 RWF | gift      |
      Then the attempt with the reference "rent" is on record as refused: another of them was refused
      And the attempt with the reference "typo" is on record as refused: there is no such customer or wallet
      And the attempt with the reference "gift" is on record as refused: another of them was refused
      And the history of Aline's wallet has 1 entries, each with 5000 RWF more

  @transaction-13
  Rule: T13. Each on its own: a refused movement does not affect the others

    Scenario: Some movements are possible
      When these are requested together, each on its own:
        | from             | to               | how much  |
        | Aline's wallet   | Bosco's wallet   | 3,000 RWF |
        | Aline's wallet   | Chantal's wallet | 3,000 RWF |
        | Aline's wallet   | Aline's wallet   | 1 RWF     |
        | Aline's wallet   | Chantal's wallet | 2,000 RWF |
      Then number 1 is done
      And number 2 is refused: not enough money
      And number 3 is refused: a wallet cannot pay itself
      And number 4 is done
      And Aline's wallet holds 0 RWF
      And Bosco's wallet holds 4,000 RWF
      And Chantal's wallet holds 2,000 RWF

    Scenario: A thousand movements
      When 1000 times 5 RWF from Aline's wallet to Chantal's wallet are requested together, each on its own
      Then every one of them is done
      And Aline's wallet holds 0 RWF
      And Chantal's wallet holds 5,000 RWF

    Scenario Outline: An invalid movement makes the whole batch invalid
      When these are requested together, <how>:
        | from           | to               | how much |
        | Aline's wallet | Chantal's wallet | 10 RWF   |
        | Aline's wallet | Chantal's wallet | 0 RWF    |
      Then none is accepted: the amount of number 2 is wrong
      And there are 2 transactions

      Examples:
        | how             |
        | all or none     |
        | each on its own |

  @transaction-14
  Rule: T14. A repeated batch is done once; a different batch in its place is refused

    Scenario Outline: The same batch sent twice
      When these are requested together, <how>:
        | from           | to               | how much  |
        | Aline's wallet | Chantal's wallet | 3,000 RWF |
        | Bosco's wallet | Chantal's wallet | 1,001 RWF |
      And the same request is sent again
      Then the answer is the same as before
      And Aline's wallet holds <aline keeps>
      And there are 4 transactions

      Examples:
        | how             | aline keeps |
        | all or none     | 5,000 RWF   |
        | each on its own | 2,000 RWF   |

    Scenario Outline: A different batch in the place of the first
      When these are requested together, all or none:
        | from           | to               | how much  |
        | Aline's wallet | Chantal's wallet | 1,000 RWF |
        | Bosco's wallet | Chantal's wallet | 200 RWF   |
      And the same are requested again, <difference>
      Then it is refused: the request was used for something else
      And Chantal's wallet holds 1,200 RWF
      And there are 4 transactions

      Examples:
        | difference          |
        | in another order    |
        | with one more       |
        | but each on its own |
