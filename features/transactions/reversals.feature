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
      Given Bosco's wallet is changed into a merchant wallet
      And a payment of 700 RWF is made from Aline's wallet to Bosco's wallet
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

    Scenario: What the receiver still has is held for the payer
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      When the transfer is reversed, or what is left is held
      Then it is held
      And the hold is pending, with 0 RWF captured and 500 RWF held
      And Bosco's wallet has 500 RWF, of which 500 RWF is held
      And Aline's wallet holds 2,000 RWF
      When 1 RWF is withdrawn from Bosco's wallet
      Then it is refused: not enough money

    Scenario: While the receiver has enough, nothing is held
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      When 500 RWF of the transfer is reversed, or what is left is held
      Then it is done
      And Aline's wallet holds 2,500 RWF
      And Bosco's wallet holds 0 RWF

    Scenario: The receiver has nothing any more
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 3,000 RWF is withdrawn from Bosco's wallet
      When the transfer is reversed, or what is left is held
      Then it is refused: not enough money
      And there are 4 transactions

    Scenario: A repeated request holds once
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      When the transfer is reversed, or what is left is held
      And the same request is sent again
      Then the answer is the same as before
      And Bosco's wallet has 500 RWF, of which 500 RWF is held

    Scenario: Nothing is held twice, but what comes in later is
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      And the transfer is reversed, or what is left is held
      When the transfer is reversed, or what is left is held
      Then it is refused: not enough money
      Given 300 RWF is deposited into Bosco's wallet
      When the transfer is reversed, or what is left is held
      Then it is held
      And the hold is pending, with 0 RWF captured and 300 RWF held
      And Bosco's wallet has 800 RWF, of which 800 RWF is held

    Scenario Outline: What is held for the payer cannot be reversed, too
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      And the transfer is reversed, or what is left is held
      When <the case is settled>
      And 9,000 RWF is deposited into Bosco's wallet
      And <much> of the transfer is reversed
      Then it is <outcome>
      And Aline's wallet holds <aline has>

      Examples:
        | the case is settled             | much      | outcome                               | aline has |
        | a day passes                    | 2,500 RWF | done                                  | 4,500 RWF |
        | a day passes                    | 2,501 RWF | refused: more than what is left of it | 2,000 RWF |
        | the hold is captured            | 2,500 RWF | done                                  | 5,000 RWF |
        | the hold is captured            | 2,501 RWF | refused: more than what is left of it | 2,500 RWF |
        | 200 RWF of the hold is captured | 2,800 RWF | done                                  | 5,000 RWF |
        | the hold is voided              | 3,000 RWF | done                                  | 5,000 RWF |
        | the hold expires                | 3,000 RWF | done                                  | 5,000 RWF |

    Scenario: More than what was reversed is never held
      Given 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,900 RWF of that is reversed
      And 100 RWF is withdrawn from Bosco's wallet
      And 60 RWF is deposited into Bosco's wallet
      When the transfer is reversed, or what is left is held
      Then it is held
      And Bosco's wallet has 60 RWF, of which 60 RWF is held
      Given 9,000 RWF is deposited into Bosco's wallet
      When the hold is changed to 61 RWF
      Then it is refused: more than what is left of it
      When the transfer is reversed
      Then it is done
      And Aline's wallet holds 4,940 RWF

    Scenario: A deposit that is charged back
      Given 700 RWF is deposited into Bosco's wallet
      And 500 RWF is withdrawn from Bosco's wallet
      When the deposit is reversed, or what is left is held
      Then it is held
      And Bosco's wallet has 200 RWF, of which 200 RWF is held
      When the hold is captured
      Then it is done
      And Bosco's wallet holds 0 RWF

    Scenario: What is captured for the payer costs nothing, uses no limit, and cannot be reversed
      Given the limits of tier 0 in RWF are:
        | daily outgoing count | 2 |
      And captures in RWF cost 10 RWF, paid by the payee
      And 3,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 2,500 RWF is withdrawn from Bosco's wallet
      And the transfer is reversed, or what is left is held
      When the hold is captured
      Then it is done
      And it has no fee
      And Aline's wallet holds 2,500 RWF
      And Bosco has 1 of the daily outgoing count in RWF left
      When that is reversed
      Then it is refused: it cannot be reversed
      And Aline's wallet holds 2,500 RWF

    Scenario: The payer of an exchange has no wallet in the currency of what is left
      Given the operator buys USD at 1310 RWF and sells it at 1320 RWF
      And Bosco has a travel wallet in USD
      And an exchange of 2,640 RWF is made from Aline's wallet to Bosco's travel wallet
      And 1.00 USD is withdrawn from Bosco's travel wallet
      When the exchange is reversed, or what is left is held
      Then it is refused: not enough money
      And Aline's wallet holds 2,360 RWF
