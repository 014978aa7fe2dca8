Feature: Reversals
  Money that was moved by mistake, or for something that was returned, goes back the way it came: all of it, or a part, as
  often as is wanted, but never more than was moved. A reversal is a transaction of its own; the original stays as it is.

  Background:
    Given Aline is a customer with 5,000 RWF
    And Bosco is a customer

  @transaction-28
  Rule: T28. A reversal gives back what is left of a transaction, or a part of that

    Scenario: Reversing all of it
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When that is reversed
      Then it is done
      And Aline's wallet holds 5,000 RWF
      And Bosco's wallet holds 0 RWF

    Scenario Outline: Reversing several parts
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And <first> of that is reversed
      When <second> of that is reversed
      Then it is <outcome>
      And Aline's wallet holds <aline has>

      Examples:
        | first     | second    | outcome                                 | aline has |
        | 1,000 RWF | 500 RWF   | done                                    | 3,500 RWF |
        | 1,000 RWF | 2,000 RWF | done                                    | 5,000 RWF |
        | 1,000 RWF | 2,001 RWF | refused: more than what is left of it   | 3,000 RWF |
        | 3,000 RWF | 1 RWF     | refused: more than what is left of it   | 5,000 RWF |

    Scenario: After a part, the rest
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 1,000 RWF of that is reversed
      When that is reversed
      Then it is done
      And Aline's wallet holds 5,000 RWF

    Scenario: Nothing is reversed twice
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And that is reversed
      When that is reversed
      Then it is refused: more than what is left of it
      And Aline's wallet holds 5,000 RWF

    Scenario: A repeated reversal is done once
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When 1,000 RWF of that is reversed
      And the same request is sent again
      Then the answer is the same as before
      And Aline's wallet holds 3,000 RWF

    Scenario: Many reversals at once
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When that is reversed by 20 people at once
      Then 1 of them is done, and the others are refused: more than what is left of it
      And Aline's wallet holds 5,000 RWF

  @transaction-29
  Rule: T29. Deposits, withdrawals, transfers, payments and captures can be reversed

    Scenario: A deposit
      Given 700 RWF is deposited into Bosco's wallet
      When that is reversed
      Then it is done
      And Bosco's wallet holds 0 RWF

    Scenario: A withdrawal
      Given 700 RWF is withdrawn from Aline's wallet
      When 200 RWF of that is reversed
      Then it is done
      And Aline's wallet holds 4,500 RWF

    Scenario: A payment
      Given a payment of 700 RWF is made from Aline's wallet to Bosco's wallet
      When that is reversed
      Then it is done
      And Aline's wallet holds 5,000 RWF

    Scenario: A capture, after which the hold stays captured
      Given 3,000 RWF is held in Aline's wallet for Bosco's wallet
      And 2,000 RWF of the hold is captured
      When that is reversed
      Then it is done
      And the hold is captured, with 2,000 RWF captured and 0 RWF held
      And Aline's wallet holds 5,000 RWF

    Scenario: A reversal cannot be reversed
      Given 700 RWF is deposited into Bosco's wallet
      And 200 RWF of that is reversed
      When the reversal is reversed
      Then it is refused: it cannot be reversed
      And Bosco's wallet holds 500 RWF

    Scenario: An adjustment is corrected by another one
      Given an adjustment of 100 RWF is made with Bosco's wallet
      When that is reversed
      Then it is refused: it cannot be reversed

  @transaction-30
  Rule: T30. Nothing is given back that the receiver has spent

    Scenario: The receiver has spent the money
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      When 501 RWF of the transfer is reversed
      Then it is refused: not enough money
      And Aline's wallet holds 2,000 RWF
      When 500 RWF of the transfer is reversed
      Then it is done
      And Aline's wallet holds 2,500 RWF
      And Bosco's wallet holds 0 RWF

    Scenario: The receiver's wallet is frozen
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And Bosco's wallet is frozen for money going out
      When the transfer is reversed
      Then it is refused: the wallet does not allow it now
