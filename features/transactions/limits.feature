Feature: Limits
  How much a customer may move depends on their tier: how well the operator knows who they are. The operator sets the
  limits of each tier and currency. They hold for all of a customer's wallets in the currency together. Days, weeks and
  months are those of the operator's time zone, here that of Kigali, two hours ahead of UTC; a week begins on Monday.

  @limit-1
  Rule: M1. No transaction and no balance is larger than the limit of the customer's tier

    Scenario Outline: The largest transaction
      Given the limits of tier 0 in RWF are:
        | largest transaction | 500 |
      And Aline is a customer with 500 RWF
      And 500 RWF is deposited into Aline's wallet
      And Bosco is a customer
      When <amount> is transferred from Aline's wallet to Bosco's wallet
      Then it is <outcome>
      And Bosco's wallet holds <bosco gets>

      Examples:
        | amount  | outcome                      | bosco gets |
        | 500 RWF | done                         | 500 RWF    |
        | 501 RWF | refused: it is above a limit | 0 RWF      |

    Scenario: The refusal names the limit and what is left
      Given it is 2026-01-31 12:00
      And the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 5,000 RWF
      And 700 RWF is withdrawn from Aline's wallet
      When 301 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit
      And the refusal names the daily outgoing amount, of which 300 is left until 2026-01-31 22:00
      And Aline's wallet holds 4,300 RWF

    Scenario: The largest balance is that of all wallets together
      Given the limits of tier 0 in RWF are:
        | largest balance | 1000 |
      And Aline is a customer with 600 RWF
      And Aline has a savings wallet in RWF
      And 300 RWF is deposited into Aline's savings wallet
      When 101 RWF is deposited into Aline's savings wallet
      Then it is refused: it is above a limit
      And the refusal names the largest balance, of which 100 is left
      When 100 RWF is deposited into Aline's wallet
      Then it is done

    Scenario: What the payee has is not said to the payer
      Given the limits of tier 0 in RWF are:
        | largest balance | 1000 |
      And Aline is a customer with 900 RWF
      And Bosco is a customer with 900 RWF
      When 101 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is refused: it is above a limit
      And the refusal names no limit

    Scenario: Without limits in a currency, any amount is moved
      Given Aline is a customer with 9,000,000.00 USD
      When 8,000,000.00 USD is withdrawn from Aline's wallet
      Then it is done

  @limit-2
  Rule: M2. What goes out, and what comes in, is limited for a day, a week and a month, in amount and in number

    Scenario Outline: The amount of a window
      Given it is 2026-01-28 12:00
      And the limits of tier 0 in RWF are:
        | <limit> | 1000 |
      And Aline is a customer with 1,000 RWF
      And Bosco is a customer
      And 600 RWF is transferred from Aline's wallet to Bosco's wallet
      And it is <later>
      When 401 RWF is <moved>
      Then it is <outcome>

      Examples:
        | limit                   | later            | moved                         | outcome                      |
        | daily outgoing amount   | 2026-01-28 21:59 | withdrawn from Aline's wallet | refused: not enough money    |
        | daily incoming amount   | 2026-01-28 21:59 | deposited into Bosco's wallet | refused: it is above a limit |
        | daily incoming amount   | 2026-01-28 22:00 | deposited into Bosco's wallet | done                         |
        | weekly incoming amount  | 2026-02-01 21:59 | deposited into Bosco's wallet | refused: it is above a limit |
        | weekly incoming amount  | 2026-02-01 22:00 | deposited into Bosco's wallet | done                         |
        | monthly incoming amount | 2026-01-31 21:59 | deposited into Bosco's wallet | refused: it is above a limit |
        | monthly incoming amount | 2026-01-31 22:00 | deposited into Bosco's wallet | done                         |

    Scenario: The number of a window
      Given it is 2026-01-28 12:00
      And the limits of tier 0 in RWF are:
        | daily outgoing count | 2 |
      And Aline is a customer with 1,000 RWF
      And Bosco is a merchant
      And 1 RWF is transferred from Aline's wallet to Bosco's wallet
      And a payment of 1 RWF is made from Aline's wallet to Bosco's wallet
      When 1 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit
      And the refusal names the daily outgoing count, of which 0 is left until 2026-01-28 22:00
      When a day passes
      And 1 RWF is withdrawn from Aline's wallet
      Then it is done

    Scenario: A customer reads what is left
      Given it is 2026-01-28 12:00
      And the limits of tier 0 in RWF are:
        | weekly outgoing amount | 1000 |
      And Aline is a customer with 1,000 RWF
      And 300 RWF is withdrawn from Aline's wallet
      Then Aline has 700 of the weekly outgoing amount in RWF left, until 2026-02-01 22:00

    Scenario: A refused transaction uses nothing
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 900 RWF
      When 901 RWF is withdrawn from Aline's wallet
      Then it is refused: not enough money
      And Aline has 1000 of the daily outgoing amount in RWF left

    Scenario: Another wallet in the same currency has the same room
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 900 RWF
      And Aline has a savings wallet in RWF
      And 900 RWF is deposited into Aline's savings wallet
      And 600 RWF is withdrawn from Aline's wallet
      When 401 RWF is withdrawn from Aline's savings wallet
      Then it is refused: it is above a limit
      When 400 RWF is withdrawn from Aline's savings wallet
      Then it is done

    Scenario: Between their own wallets a customer moves as much as they like
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 5,000 RWF
      And Aline has a savings wallet in RWF
      When 4,000 RWF is transferred from Aline's wallet to Aline's savings wallet
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left

    Scenario: Corrections by the operator use nothing
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 5,000 RWF
      When 2,000 RWF is taken from Aline's wallet as a correction because "A deposit was booked twice"
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left

    Scenario: Many at once never pass a limit between them
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 5,000 RWF
      When 300 RWF is withdrawn from Aline's wallet by 12 people at once
      Then 3 of them is done, and the others are refused: it is above a limit
      And Aline's wallet holds 4,100 RWF

  @limit-3
  Rule: M3. A customer has the limits of their tier, and tier 0 without one

    Scenario: A higher tier
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And the limits of tier 1 in RWF are:
        | daily outgoing amount | 3000 |
      And Aline is a customer with 5,000 RWF
      And 1,000 RWF is withdrawn from Aline's wallet
      And Aline is verified as "1"
      When 2,000 RWF is withdrawn from Aline's wallet
      Then it is done
      When 1 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit

    Scenario: Lower limits leave nothing
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 3000 |
      And Aline is a customer with 5,000 RWF
      And 2,000 RWF is withdrawn from Aline's wallet
      And the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      When 1 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit
      And the refusal names the daily outgoing amount, of which 0 is left until 2026-01-31 22:00

    Scenario: Tiers have numbers
      Given Aline is a customer
      When Aline is verified as "4"
      Then it is not accepted: the tier is wrong

    Scenario Outline: Limits that contradict each other
      When the limits of tier 1 in RWF are set to:
        | daily outgoing amount  | <daily>  |
        | weekly outgoing amount | <weekly> |
      Then it is <outcome>

      Examples:
        | daily | weekly | outcome                                          |
        | 1000  | 1000   | done                                             |
        | 1001  | 1000   | not accepted: the daily outgoing amount is wrong |
        | 0     | 1000   | not accepted: the daily outgoing amount is wrong |
        | 0.5   | 1000   | not accepted: the daily outgoing amount is wrong |

  @limit-4
  Rule: M4. The operator overrides limits of one customer, with a reason, until a time

    Scenario: An override, and its end
      Given it is 2026-01-31 12:00
      And the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
        | largest transaction   | 5000 |
      And Aline is a customer with 4,000 RWF
      And the limits of Aline in RWF are overridden until 2026-02-02 22:00 because "sells a house":
        | daily outgoing amount | 3000 |
      When 3,000 RWF is withdrawn from Aline's wallet
      Then it is done
      When 1 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit
      When a day passes
      And 5,001 RWF is deposited into Aline's wallet
      Then it is refused: it is above a limit
      And the refusal names the largest transaction, of which 5000 is left
      Given it is 2026-02-02 22:00
      When 1,001 RWF is deposited into Aline's wallet
      And 1,001 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit

    Scenario: A wallet that is opened later has it too
      Given the limits of tier 0 in USD are:
        | largest balance | 10.00 |
      And Aline is a customer
      And the limits of Aline in USD are overridden until 2026-02-02 22:00 because "sells a house":
        | largest balance | 20.00 |
      And Aline has a dollar wallet in USD
      When 20.00 USD is deposited into Aline's dollar wallet
      Then it is done

    Scenario: An override without limits ends the one before
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 4,000 RWF
      And the limits of Aline in RWF are overridden until 2026-02-02 22:00 because "sells a house":
        | daily outgoing amount | 3000 |
      And the limits of Aline in RWF are no longer overridden because "the sale was called off"
      When 1,001 RWF is withdrawn from Aline's wallet
      Then it is refused: it is above a limit

    Scenario: It ends in the future
      Given it is 2026-01-31 12:00
      And Aline is a customer
      When the limits of Aline in RWF are overridden until 2026-01-31 12:00 because "sells a house":
        | daily outgoing amount | 3000 |
      Then it is not accepted: the until is wrong

  @limit-5
  Rule: M5. A reversal gives back what its original has used of the present day, week and month

    Scenario: After a mistake, the same transfer is possible again
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
        | daily outgoing count  | 1    |
      And Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And Chantal is a customer
      And 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      When 1,000 RWF is transferred from Aline's wallet to Chantal's wallet
      Then it is refused: it is above a limit
      When the transfer is reversed
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left
      And Aline has 1 of the daily outgoing count in RWF left
      When 1,000 RWF is transferred from Aline's wallet to Chantal's wallet
      Then it is done

    Scenario: The receiver has room again, too
      Given the limits of tier 0 in RWF are:
        | daily incoming amount | 1000 |
      And Aline is a customer with 900 RWF
      And Bosco is a customer
      And 800 RWF is transferred from Aline's wallet to Bosco's wallet
      When that is reversed
      Then it is done
      And Bosco has 1000 of the daily incoming amount in RWF left
      And Aline has 100 of the daily incoming amount in RWF left

    Scenario: A part gives back that part, and the number once nothing is left
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
        | daily outgoing count  | 3    |
      And Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And 1,000 RWF is transferred from Aline's wallet to Bosco's wallet
      And 400 RWF of that is reversed
      Then Aline has 400 of the daily outgoing amount in RWF left
      And Aline has 2 of the daily outgoing count in RWF left
      When 401 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is refused: it is above a limit
      When the transfer is reversed
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left
      And Aline has 3 of the daily outgoing count in RWF left

    Scenario Outline: It is as if the original had never been, whichever windows have ended since
      Given it is 2026-01-21 12:00
      And the limits of tier 0 in RWF are:
        | daily outgoing amount   | 1000 |
        | weekly outgoing amount  | 2000 |
        | monthly outgoing amount | 3000 |
        | monthly outgoing count  | 5    |
      And Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And 700 RWF is transferred from Aline's wallet to Bosco's wallet
      And it is <later>
      And 100 RWF is withdrawn from Aline's wallet
      When the transfer is reversed
      Then it is done
      And Aline has 900 of the daily outgoing amount in RWF left
      And Aline has 1900 of the weekly outgoing amount in RWF left
      And Aline has 2900 of the monthly outgoing amount in RWF left
      And Aline has 4 of the monthly outgoing count in RWF left

      Examples:
        | later            |
        | 2026-01-21 21:59 |
        | 2026-01-21 22:00 |
        | 2026-01-25 22:00 |
        | 2026-01-31 22:00 |

    Scenario: Between a customer's wallets
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
        | daily incoming amount | 6000 |
      And Aline is a customer with 5,000 RWF
      And Aline has a savings wallet in RWF
      And Bosco is a customer
      And 3,000 RWF is transferred from Aline's wallet to Aline's savings wallet
      When the transfer is reversed
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left
      And Aline has 1000 of the daily incoming amount in RWF left
      Given 2,000 RWF is transferred from Aline's wallet to Aline's savings wallet
      And 600 RWF is transferred from Aline's savings wallet to Bosco's wallet
      When the transfer is reversed
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left

    Scenario: A capture
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 1000 |
      And Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And 900 RWF is held in Aline's wallet for Bosco's wallet
      And the hold is captured
      When that is reversed
      Then it is done
      And Aline has 1000 of the daily outgoing amount in RWF left

    Scenario: An exchange, in both currencies
      Given the limits of tier 0 in RWF are:
        | daily outgoing amount | 5000 |
      And the limits of tier 0 in USD are:
        | daily incoming amount | 10.00 |
      And the operator buys USD at 1310 RWF and sells it at 1320 RWF
      And Aline is a customer with 5,000 RWF
      And Aline has a travel wallet in USD
      And an exchange of 2,640 RWF is made from Aline's wallet to Aline's travel wallet
      When 1,320 RWF of that is reversed
      Then it is done
      And Aline has 3680 of the daily outgoing amount in RWF left
      And Aline has 9.00 of the daily incoming amount in USD left
