Feature: Quotes
  Before money moves, a quote says what a movement costs and brings, and promises that for a minute. The movement that
  names the quote has exactly that fee and that rate.

  Background:
    Given it is 2026-03-01 12:00
    And Aline is a customer with 100,000 RWF
    And Bosco is a merchant
    And transfers in RWF cost 100 RWF with 18 % tax, paid by the payer

  @quote-1
  Rule: Q1. A quote says what a movement costs and brings in all, and until when

    Scenario: A transfer
      When a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      Then it is quoted with a fee of 100 RWF and a tax of 18 RWF
      And 5,118 RWF would leave, and 5,000 RWF would enter
      And the quote expires at 2026-03-01 12:01
      And Aline's wallet holds 100,000 RWF

    Scenario: A payment whose payee pays
      Given payments in RWF cost 1 % of the amount, paid by the payee
      When a payment of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      Then it is quoted with a fee of 50 RWF and a tax of 0 RWF
      And 5,000 RWF would leave, and 4,950 RWF would enter

    Scenario: An exchange
      Given the operator buys USD at 1310 RWF and sells it at 1320 RWF
      And Aline has a dollar wallet in USD
      When an exchange of 13,200 RWF from Aline's wallet to Aline's dollar wallet is quoted
      Then it is quoted without a fee
      And 13,200 RWF would leave, and 10.00 USD would enter

    Scenario Outline: What would be refused anyway
      When <movement> is quoted
      Then it is refused: <reason>

      Examples:
        | movement                                                       | reason                              |
        | a transfer of 1 USD from Aline's wallet to Bosco's wallet      | it is another currency              |
        | a transfer of 1 RWF from Aline's wallet to Aline's wallet      | a wallet cannot pay itself          |
        | a payment of 1 RWF from Bosco's wallet to Aline's wallet       | it is no merchant's wallet          |
        | a transfer of 1 RWF from a missing wallet to Bosco's wallet    | there is no such customer or wallet |

  @quote-2
  Rule: Q2. A movement that names a quote has its fee and its rate, whatever has changed since

    Scenario: The fee has changed
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      And the fee schedule ends
      And transfers in RWF cost 900 RWF, paid by the payee
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it is done
      And it has a fee of 100 RWF and a tax of 18 RWF, paid by the payer
      And Bosco's wallet holds 5,000 RWF

    Scenario: There is no fee any more
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      And the fee schedule ends
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it has a fee of 100 RWF and a tax of 18 RWF, paid by the payer

    Scenario: There was no fee yet
      Given a payment of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      And payments in RWF cost 1 % of the amount, paid by the payer
      When a payment of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it has no fee

    Scenario: The rate has changed
      Given the operator buys USD at 1310 RWF and sells it at 1320 RWF
      And Aline has a dollar wallet in USD
      And an exchange of 13,200 RWF from Aline's wallet to Aline's dollar wallet is quoted
      And the operator buys USD at 1400 RWF and sells it at 1410 RWF
      When an exchange of 13,200 RWF is made from Aline's wallet to Aline's dollar wallet as quoted
      Then it is done
      And Aline's dollar wallet holds 10.00 USD

    Scenario: Nothing is reserved
      Given a transfer of 99,882 RWF from Aline's wallet to Bosco's wallet is quoted
      And 1 RWF is withdrawn from Aline's wallet
      When a transfer of 99,882 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it is refused: not enough money
      Given 1 RWF is deposited into Aline's wallet
      When a transfer of 99,882 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it is done
      And Aline's wallet holds 0 RWF

  @quote-3
  Rule: Q3. A quote is used once, in time, for exactly the movement that was quoted

    Scenario: It was used before
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      And a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it is refused: the quote was used
      And Bosco's wallet holds 5,000 RWF

    Scenario: A repeated request
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      And the same request is sent again
      Then the answer is the same as before
      And Bosco's wallet holds 5,000 RWF

    Scenario Outline: Its time is over
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      And it is <time>
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted
      Then it is <outcome>

      Examples:
        | time                | outcome                        |
        | 2026-03-01 12:00:59 | done                           |
        | 2026-03-01 12:01    | refused: the quote has expired |

    Scenario Outline: Something else than was quoted
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      And Chantal is a customer with 9,000 RWF
      When <movement> as quoted
      Then it is refused: the quote is for something else

      Examples:
        | movement                                                                 |
        | a transfer of 5,001 RWF is made from Aline's wallet to Bosco's wallet    |
        | a payment of 5,000 RWF is made from Aline's wallet to Bosco's wallet     |
        | a transfer of 5,000 RWF is made from Aline's wallet to Chantal's wallet  |
        | a transfer of 5,000 RWF is made from Chantal's wallet to Bosco's wallet  |

    Scenario: A quote that does not exist
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet by an unknown quote
      Then it is refused: there is no such quote

    Scenario: Many at once
      Given a transfer of 5,000 RWF from Aline's wallet to Bosco's wallet is quoted
      When a transfer of 5,000 RWF is made from Aline's wallet to Bosco's wallet as quoted by 8 people at once
      Then 1 of them is done, and the others are refused: the quote was used
      And Bosco's wallet holds 5,000 RWF
