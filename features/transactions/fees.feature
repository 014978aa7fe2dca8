Feature: Fees
  The operator charges for transactions. The fee, and the tax on it, come beside the amount: the one who pays them pays
  that much more, or receives that much less. The amount, and what it counts as, stay as they are.

  Background:
    Given Aline is a customer with 100,000 RWF
    And Bosco is a merchant

  @fee-1
  Rule: F1. A fee is the flat part and the percentage of the band of the amount, within its bounds, rounded half up

    Scenario Outline: What a transfer costs
      Given transfers in RWF cost, paid by the payer:
        | up to  | flat | percentage |
        | 1,000  | 20   |            |
        | 10,000 | 100  |            |
        |        | 250  | 0.5        |
      When <amount> is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And it has a fee of <fee> and a tax of 0 RWF, paid by the payer
      And Bosco's wallet holds <amount>
      And Aline's wallet holds <aline keeps>
      And the operator's fees are <fee>

      Examples:
        | amount     | fee     | aline keeps |
        | 1 RWF      | 20 RWF  | 99,979 RWF  |
        | 1,000 RWF  | 20 RWF  | 98,980 RWF  |
        | 1,001 RWF  | 100 RWF | 98,899 RWF  |
        | 10,000 RWF | 100 RWF | 89,900 RWF  |
        | 10,001 RWF | 300 RWF | 89,699 RWF  |
        | 50,099 RWF | 500 RWF | 49,401 RWF  |
        | 50,100 RWF | 501 RWF | 49,399 RWF  |

    Scenario Outline: The bounds of a fee
      Given transfers in RWF cost 1 % of the amount, at least 50 and at most 500 RWF, paid by the payer
      When <amount> is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of <fee> and a tax of 0 RWF, paid by the payer

      Examples:
        | amount     | fee     |
        | 1 RWF      | 50 RWF  |
        | 5,049 RWF  | 50 RWF  |
        | 5,050 RWF  | 51 RWF  |
        | 49,949 RWF | 499 RWF |
        | 50,000 RWF | 500 RWF |
        | 90,000 RWF | 500 RWF |

    Scenario: What costs less than half of the smallest amount is free
      Given transfers in RWF cost 1 % of the amount, paid by the payer
      When 49 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has no fee
      When 50 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 1 RWF and a tax of 0 RWF, paid by the payer

    Scenario: Currencies with decimals
      Given transfers in USD cost 1.25 % of the amount, paid by the payer
      And Aline has a dollar wallet with 100.00 USD
      And Bosco has a dollar wallet in USD
      When 9.99 USD is transferred from Aline's dollar wallet to Bosco's dollar wallet
      Then it has a fee of 0.12 USD and a tax of 0.00 USD, paid by the payer
      And Aline's dollar wallet holds 89.89 USD

    Scenario: Other types and currencies cost nothing
      Given transfers in RWF cost 1 % of the amount, paid by the payer
      When a payment of 5,000 RWF is made from Aline's wallet to Bosco's wallet
      Then it has no fee
      And Aline's wallet holds 95,000 RWF

  @fee-2
  Rule: F2. The tax is a percentage of the fee, beside it, and goes to a wallet of its own

    Scenario: A fee with its tax
      Given transfers in RWF cost 99 RWF with 18 % tax, paid by the payer
      When 5,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 99 RWF and a tax of 18 RWF, paid by the payer
      And Aline's wallet holds 94,883 RWF
      And Bosco's wallet holds 5,000 RWF
      And the operator's fees are 99 RWF
      And the operator's taxes are 18 RWF

    Scenario: Every part is an entry in the statement
      Given transfers in RWF cost 99 RWF with 18 % tax, paid by the payer
      When 5,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then the last entries of Aline's wallet are debits of 5000, 99 and 18 RWF

  @fee-3
  Rule: F3. The payee pays out of what they receive, and never more than that

    Scenario: The payee pays
      Given payments in RWF cost 100 RWF with 18 % tax, paid by the payee
      When a payment of 5,000 RWF is made from Aline's wallet to Bosco's wallet
      Then it has a fee of 100 RWF and a tax of 18 RWF, paid by the payee
      And Aline's wallet holds 95,000 RWF
      And Bosco's wallet holds 4,882 RWF

    Scenario Outline: A fee above the amount
      Given payments in RWF cost 100 RWF with 18 % tax, paid by the payee
      When a payment of <amount> is made from Aline's wallet to Bosco's wallet
      Then it is <outcome>
      And Bosco's wallet holds 0 RWF

      Examples:
        | amount  | outcome                               |
        | 118 RWF | done                                  |
        | 117 RWF | refused: the fee is above the amount  |

    Scenario Outline: A payee whose wallet is frozen for money going out
      Given <types> in RWF cost 100 RWF with 18 % tax, paid by the payee
      And 500 RWF is held in Aline's wallet for Bosco's wallet
      And Bosco's wallet is frozen for money going out
      When <movement>
      Then it is done
      And Bosco's wallet holds 382 RWF

      Examples:
        | types    | movement                                                          |
        | deposits | 500 RWF is deposited into Bosco's wallet                          |
        | payments | a payment of 500 RWF is made from Aline's wallet to Bosco's wallet |
        | captures | the hold is captured                                              |

    Scenario: The payer has the amount, and not the fee
      Given transfers in RWF cost 100 RWF, paid by the payer
      When 99,901 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is refused: not enough money
      And Aline's wallet holds 100,000 RWF
      And the operator's fees are 0 RWF

    Scenario Outline: Who can pay for what
      When <types> in RWF are to cost 100 RWF, paid by the <payer>
      Then it is <outcome>

      Examples:
        | types       | payer | outcome                           |
        | deposits    | payee | done                              |
        | deposits    | payer | not accepted: the paid by is wrong |
        | withdrawals | payer | done                              |
        | withdrawals | payee | not accepted: the paid by is wrong |
        | transfers   | payee | done                              |
        | captures    | payee | done                              |
        | captures    | payer | not accepted: the paid by is wrong |
        | exchanges   | payer | done                              |
        | exchanges   | payee | not accepted: the paid by is wrong |
        | holds       | payer | not accepted: the transaction type is wrong |

    Scenario: Deposits and withdrawals
      Given deposits in RWF cost 100 RWF, paid by the payee
      And withdrawals in RWF cost 200 RWF, paid by the payer
      When 5,000 RWF is deposited into Bosco's wallet
      Then it has a fee of 100 RWF and a tax of 0 RWF, paid by the payee
      And Bosco's wallet holds 4,900 RWF
      When 4,000 RWF is withdrawn from Bosco's wallet
      Then it has a fee of 200 RWF and a tax of 0 RWF, paid by the payer
      And Bosco's wallet holds 700 RWF
      And the operator's fees are 300 RWF

    Scenario: An exchange
      Given the operator buys USD at 1310 RWF and sells it at 1320 RWF
      And exchanges in RWF cost 1 % of the amount with 18 % tax, paid by the payer
      And Aline has a dollar wallet in USD
      When an exchange of 13,200 RWF is made from Aline's wallet to Aline's dollar wallet
      Then it has a fee of 132 RWF and a tax of 24 RWF, paid by the payer
      And Aline's dollar wallet holds 10.00 USD
      And Aline's wallet holds 86,644 RWF

    Scenario: Parts of a hold
      Given captures in RWF cost 1 % of the amount, at least 15 and at most 500 RWF, paid by the payee
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet
      When 1,000 RWF of the hold is captured, and the rest stays held
      Then it has a fee of 15 RWF and a tax of 0 RWF, paid by the payee
      And Bosco's wallet holds 985 RWF
      When the hold is captured
      Then it has a fee of 20 RWF and a tax of 0 RWF, paid by the payee
      And Bosco's wallet holds 2,965 RWF
      And Aline's wallet holds 97,000 RWF

  @fee-4
  Rule: F4. Shares of the fee go to others, rounded down; the rest is the operator's

    Scenario: An agent and a partner
      Given Chantal is a merchant
      And Diane is a merchant
      And transfers in RWF cost 99 RWF with 18 % tax, paid by the payer, of which 30 % are Chantal's and 10 % Diane's
      When 5,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 99 RWF and a tax of 18 RWF, paid by the payer
      And Chantal's wallet holds 29 RWF
      And Diane's wallet holds 9 RWF
      And the operator's fees are 61 RWF
      And the operator's taxes are 18 RWF
      And Aline's wallet holds 94,883 RWF

    Scenario: A share that cannot be paid stays with the operator
      Given Chantal is a merchant
      And transfers in RWF cost 99 RWF, paid by the payer, of which 30 % are Chantal's
      And Chantal is suspended
      When 5,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And the operator's fees are 99 RWF

    Scenario: A share that is above a limit stays with the operator
      Given Chantal is a merchant
      And transfers in RWF cost 99 RWF, paid by the payer, of which 30 % are Chantal's
      And the limits of tier 0 in RWF are:
        | daily incoming amount | 5028 |
      When 5,000 RWF is transferred from Aline's wallet to Chantal's wallet
      Then it is done
      And Chantal's wallet holds 5,000 RWF
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And Chantal's wallet holds 5,000 RWF
      And the operator's fees are 198 RWF

    Scenario: Shares go to merchants' wallets only
      Given Chantal is a customer
      When transfers in RWF are to cost 99 RWF, paid by the payer, of which 30 % are Chantal's
      Then it is not accepted: the shares[0].wallet_id is wrong

    Scenario: Shares are at most the whole fee
      Given Chantal is a merchant
      And Diane is a merchant
      When transfers in RWF are to cost 99 RWF, paid by the payer, of which 60 % are Chantal's and 40.0001 % Diane's
      Then it is not accepted: the shares is wrong

  @fee-5
  Rule: F5. The schedule for the tenant and tier goes before that for the tenant, that before that for the tier

    Scenario: Tiers
      Given transfers in RWF cost 100 RWF, paid by the payer
      And transfers in RWF of customers of tier 2 cost 40 RWF, paid by the payer
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 100 RWF and a tax of 0 RWF, paid by the payer
      Given Aline is verified as "2"
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 40 RWF and a tax of 0 RWF, paid by the payer

    Scenario: A schedule that ended before it began leaves room for another
      Given it is 2026-03-01 12:00
      And transfers in RWF cost 100 RWF, paid by the payer, from 2026-03-02 00:00 to 2026-03-03 00:00
      And the fee schedule ends
      When transfers in RWF are to cost 90 RWF, paid by the payer
      Then it is done

    Scenario: Two schedules for the same never apply at the same time
      Given transfers in RWF cost 100 RWF, paid by the payer
      When transfers in RWF are to cost 90 RWF, paid by the payer
      Then it is refused: another schedule is for the same
      When the fee schedule ends
      Then it is done
      When transfers in RWF are to cost 90 RWF, paid by the payer
      Then it is done
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 90 RWF and a tax of 0 RWF, paid by the payer

    Scenario: A schedule has ended
      Given transfers in RWF cost 100 RWF, paid by the payer
      And the fee schedule ends
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has no fee
      When the fee schedule ends
      Then it is refused: the fee schedule has ended

    Scenario: A schedule that was ended before it began applies never
      Given it is 2026-03-01 12:00
      And transfers in RWF cost 100 RWF, paid by the payer, from 2026-03-02 00:00 to 2026-03-03 00:00
      And the fee schedule ends
      When transfers in RWF are to cost 90 RWF, paid by the payer
      Then it is done
      Given it is 2026-03-02 12:00
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 90 RWF and a tax of 0 RWF, paid by the payer

    Scenario: A schedule applies from its beginning until before its end
      Given it is 2026-03-01 12:00
      And transfers in RWF cost 100 RWF, paid by the payer, from 2026-03-02 00:00 to 2026-03-03 00:00
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has no fee
      Given it is 2026-03-02 00:00
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has a fee of 100 RWF and a tax of 0 RWF, paid by the payer
      Given it is 2026-03-03 00:00
      When 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it has no fee

    Scenario Outline: Schedules that make no sense
      Given it is 2026-03-01 12:00
      When transfers in RWF are to cost 100 RWF, paid by the payer, from <from> to <to>
      Then it is not accepted: the <field> is wrong

      Examples:
        | from             | to               | field       |
        | 2026-03-03 00:00 | 2026-03-02 00:00 | valid until |
        | 2026-03-03 00:00 | 2026-03-03 00:00 | valid until |
        | 2026-02-01 00:00 | 2026-03-02 00:00 | valid from  |

    Scenario Outline: Bands that are out of order
      When transfers in RWF are to cost, paid by the payer:
        | up to   | flat | percentage |
        | <one>   | 20   |            |
        | <two>   | 100  |            |
        | <three> | 250  | 0.5        |
      Then it is not accepted: the <field> is wrong

      Examples:
        | one   | two   | three  | field          |
        | 1,000 | 1,000 |        | bands[1].up_to |
        | 1,000 | 500   |        | bands[1].up_to |
        | 1,000 |       |        | bands[1].up_to |
        | 1,000 | 2,000 | 3,000  | bands[2].up_to |

  @fee-6
  Rule: F6. A reversal gives the fee back in proportion, with tax and shares, unless it is kept

    Scenario: All of it
      Given Chantal is a merchant
      And transfers in RWF cost 99 RWF with 18 % tax, paid by the payer, of which 30 % are Chantal's
      And 5,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When that is reversed
      Then it is done
      And it has a fee of 99 RWF and a tax of 18 RWF, paid by the payer
      And Aline's wallet holds 100,000 RWF
      And Bosco's wallet holds 0 RWF
      And Chantal's wallet holds 0 RWF
      And the operator's fees are 0 RWF
      And the operator's taxes are 0 RWF

    Scenario: Three thirds give exactly the fee
      Given transfers in RWF cost 100 RWF with 18 % tax, paid by the payer
      And 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When 333 RWF of that is reversed
      Then it has a fee of 33 RWF and a tax of 5 RWF, paid by the payer
      When 333 RWF of the transfer is reversed
      Then it has a fee of 33 RWF and a tax of 6 RWF, paid by the payer
      When the transfer is reversed
      Then it has a fee of 34 RWF and a tax of 7 RWF, paid by the payer
      And Aline's wallet holds 100,000 RWF
      And the operator's fees are 0 RWF
      And the operator's taxes are 0 RWF

    Scenario: The payee has paid the fee
      Given payments in RWF cost 100 RWF, paid by the payee
      And a payment of 1,000 RWF is made from Aline's wallet to Bosco's wallet
      When that is reversed
      Then it is done
      And Aline's wallet holds 100,000 RWF
      And Bosco's wallet holds 0 RWF
      And the operator's fees are 0 RWF

    Scenario: The fee is kept
      Given transfers in RWF cost 100 RWF with 18 % tax, paid by the payer
      And 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When that is reversed, and the fee is kept
      Then it has no fee
      And Aline's wallet holds 99,882 RWF
      And the operator's fees are 100 RWF
      And the operator's taxes are 18 RWF

    Scenario: The fee of a part is kept
      Given transfers in RWF cost 100 RWF, paid by the payer
      And 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 500 RWF of that is reversed, and the fee is kept
      When the transfer is reversed
      Then it has a fee of 50 RWF and a tax of 0 RWF, paid by the payer
      And Aline's wallet holds 99,950 RWF

    Scenario: A share was spent
      Given Chantal is a merchant
      And transfers in RWF cost 100 RWF, paid by the payer, of which 30 % are Chantal's
      And 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 1 RWF is withdrawn from Chantal's wallet
      When the transfer is reversed
      Then it is refused: not enough money
      When the transfer is reversed, or what is left is held
      Then it is refused: not enough money
      And Bosco's wallet has 1,000 RWF, of which 0 RWF is held
      When the transfer is reversed, and the fee is kept
      Then it is done
      And Aline's wallet holds 99,900 RWF
      And Chantal's wallet holds 29 RWF

  @fee-7
  Rule: F7. Limits count what leaves or enters a wallet in all, with the fee

    Scenario Outline: The largest transaction
      Given the limits of tier 0 in RWF are:
        | largest transaction | 1000 |
      And transfers in RWF cost 100 RWF, paid by the payer
      When <amount> is transferred from Aline's wallet to Bosco's wallet
      Then it is <outcome>

      Examples:
        | amount  | outcome                      |
        | 900 RWF | done                         |
        | 901 RWF | refused: it is above a limit |
