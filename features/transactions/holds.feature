Feature: Holds
  A merchant, or a partner on their behalf, first reserves a customer's money, and takes it later: all of it, or a part, or
  in several parts. Held money stays in the payer's wallet, but it cannot be spent. A hold ends when it is captured, voided
  or expired, and never opens again.

  @transaction-17
  Rule: T17. A hold reserves money of the payer: their balance stays, and what is held is not available

    Scenario Outline: Holding an amount
      Given Aline is a customer with <aline has>
      And Bosco is a customer
      When <amount> is held in Aline's wallet for Bosco's wallet
      Then it is <outcome>
      And Aline's wallet has <aline has>, of which <held> is held
      And Bosco's wallet holds 0 RWF

      Examples:
        | aline has | amount    | outcome                   | held      |
        | 5,000 RWF | 1,200 RWF | held                      | 1,200 RWF |
        | 5,000 RWF | 5,000 RWF | held                      | 5,000 RWF |
        | 5,000 RWF | 5,001 RWF | refused: not enough money | 0 RWF     |

    Scenario Outline: Held money cannot be spent
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet
      When <amount> is <moved>
      Then it is <outcome>

      Examples:
        | amount    | moved                                             | outcome                   |
        | 2,000 RWF | withdrawn from Aline's wallet                     | done                      |
        | 2,001 RWF | withdrawn from Aline's wallet                     | refused: not enough money |
        | 2,001 RWF | transferred from Aline's wallet to Bosco's wallet | refused: not enough money |
        | 2,000 RWF | held in Aline's wallet for Bosco's wallet         | held                      |
        | 2,001 RWF | held in Aline's wallet for Bosco's wallet         | refused: not enough money |

    Scenario Outline: Holds that are refused, and why
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And Bosco has a travel wallet with 10.00 USD
      When 100 RWF is held in <one> for <other>
      Then it is refused: <reason>

      Examples:
        | one              | other                 | reason                              |
        | Aline's wallet   | Aline's wallet        | a wallet cannot pay itself          |
        | Aline's wallet   | Bosco's travel wallet | it is another currency              |
        | Aline's wallet   | a missing wallet      | there is no such customer or wallet |
        | a missing wallet | Bosco's wallet        | there is no such customer or wallet |

    Scenario: A repeated hold is done once
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      When 1,200 RWF is held in Aline's wallet for Bosco's wallet
      Then it is held
      Given the hold is captured
      When the same request is sent again
      Then the answer is the same as before
      And Aline's wallet holds 3,800 RWF

  @transaction-18
  Rule: T18. A capture takes at most what is left of the hold; the hold ends with the last part, or releases the rest

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet

    Scenario: Capturing all of it
      When the hold is captured
      Then it is done
      And the hold is captured, with 3,000 RWF captured and 0 RWF held
      And Aline's wallet holds 2,000 RWF
      And Bosco's wallet holds 3,000 RWF

    Scenario Outline: Capturing a part
      When <amount> of the hold is captured
      Then it is <outcome>
      And the hold is <status>, with <captured> captured and <held> held
      And Aline's wallet has <aline keeps>, of which <held> is held
      And Bosco's wallet holds <captured>

      Examples:
        | amount    | outcome                           | status   | captured  | held      | aline keeps |
        | 1 RWF     | done                              | captured | 1 RWF     | 0 RWF     | 4,999 RWF   |
        | 2,000 RWF | done                              | captured | 2,000 RWF | 0 RWF     | 3,000 RWF   |
        | 3,000 RWF | done                              | captured | 3,000 RWF | 0 RWF     | 2,000 RWF   |
        | 3,001 RWF | refused: it is more than the hold | pending  | 0 RWF     | 3,000 RWF | 5,000 RWF   |

    Scenario: Capturing it in several parts
      When 1,000 RWF of the hold is captured, and the rest stays held
      Then it is done
      And the hold is pending, with 1,000 RWF captured and 2,000 RWF held
      And Aline's wallet has 4,000 RWF, of which 2,000 RWF is held
      When 1,500 RWF of the hold is captured, and the rest stays held
      Then it is done
      When 501 RWF of the hold is captured, and the rest stays held
      Then it is refused: it is more than the hold
      When 500 RWF of the hold is captured, and the rest stays held
      Then it is done
      And the hold is captured, with 3,000 RWF captured and 0 RWF held
      And Aline's wallet holds 2,000 RWF
      And Bosco's wallet holds 3,000 RWF

    Scenario: Nothing can be captured twice
      When 1,000 RWF of the hold is captured
      Then it is done
      When 1,000 RWF of the hold is captured
      Then it is refused: the hold is not open any more
      And Aline's wallet holds 4,000 RWF

    Scenario: A repeated capture is done once
      When 1,000 RWF of the hold is captured, and the rest stays held
      And the same request is sent again
      Then the answer is the same as before
      And Aline's wallet has 4,000 RWF, of which 2,000 RWF is held

    Scenario: Many captures at once
      When the hold is captured by 20 people at once
      Then 1 of them is done, and the others are refused: the hold is not open any more
      And Aline's wallet holds 2,000 RWF
      And Bosco's wallet holds 3,000 RWF

    Scenario Outline: An amount that the currency does not have
      When the amount "<amount>" of the hold is captured
      Then it is not accepted: the amount is wrong
      And Aline's wallet has 5,000 RWF, of which 3,000 RWF is held

      Examples:
        | amount |
        | 0      |
        | -5     |
        | 10.50  |
        | ten    |

    Scenario: A transaction that is no hold cannot be captured
      When something that is no hold is captured
      Then it is refused: there is no such customer or wallet

    Scenario: What happens, as partners learn of it
      Given 1,000 RWF of the hold is captured, and the rest stays held
      And the hold is voided
      Then the events of Aline's wallet are:
        | number | event           | money     |
        | 1      | wallet opened   |           |
        | 2      | wallet credited | 5,000 RWF |
        | 3      | funds held      | 3,000 RWF |
        | 4      | hold released   | 1,000 RWF |
        | 5      | wallet debited  | 1,000 RWF |
        | 6      | hold released   | 2,000 RWF |
      And the events of the hold are:
        | number | event           | money     |
        | 1      | hold authorized | 3,000 RWF |
        | 2      | hold captured   | 1,000 RWF |
        | 3      | hold voided     | 2,000 RWF |

  @transaction-19
  Rule: T19. A hold that is voided or expired releases what is left of it, once

    Background:
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer

    Scenario: Voiding a hold
      Given 3,000 RWF is held in Aline's wallet for Bosco's wallet
      When the hold is voided
      Then the hold is voided, with 0 RWF captured and 0 RWF held
      And Aline's wallet holds 5,000 RWF
      When the hold is captured
      Then it is refused: the hold is not open any more
      When the hold is voided
      Then it is refused: the hold is not open any more

    Scenario: Voiding what is left after a part
      Given 3,000 RWF is held in Aline's wallet for Bosco's wallet
      And 1,000 RWF of the hold is captured, and the rest stays held
      When the hold is voided
      Then the hold is voided, with 1,000 RWF captured and 0 RWF held
      And Aline's wallet holds 4,000 RWF
      And Bosco's wallet holds 1,000 RWF

    Scenario Outline: A hold can be captured until it expires
      Given it is 2026-03-01 12:00
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet for <days> days
      And it is <at>
      When the hold is captured
      Then it is <outcome>

      Examples:
        | days | at                  | outcome                                    |
        | 1    | 2026-03-02 11:59:59 | done                                       |
        | 1    | 2026-03-02 12:00    | refused: the hold is not open any more     |
        | 30   | 2026-03-31 11:59:59 | done                                       |
        | 30   | 2026-03-31 12:00    | refused: the hold is not open any more     |

    Scenario: Unless said otherwise, a hold expires after seven days
      Given it is 2026-03-01 12:00
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet
      Then the hold expires at 2026-03-08 12:00

    Scenario: What is left of an expired hold is released
      Given it is 2026-03-01 12:00
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet for 1 days
      And 1,000 RWF of the hold is captured, and the rest stays held
      When the hold expires
      Then the hold is expired, with 1,000 RWF captured and 0 RWF held
      And Aline's wallet holds 4,000 RWF

    Scenario: A hold lasts for 30 days at most
      When 3,000 RWF is held in Aline's wallet for Bosco's wallet for 31 days
      Then it is not accepted: the duration is wrong
      And Aline's wallet holds 5,000 RWF

  @transaction-20
  Rule: T20. An open hold can be raised, lowered and extended; never beyond what is available, nor to what is captured

    Background:
      Given it is 2026-03-01 12:00
      And Aline is a customer with 5,000 RWF
      And Bosco is a customer
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet
      And 1,000 RWF of the hold is captured, and the rest stays held

    Scenario Outline: Changing the amount
      When the hold is changed to <amount>
      Then <outcome>
      And Aline's wallet has 4,000 RWF, of which <held> is held

      Examples:
        | amount    | outcome                                                      | held      |
        | 5,000 RWF | the hold is pending, with 1,000 RWF captured and 4,000 RWF held | 4,000 RWF |
        | 5,001 RWF | it is refused: not enough money                              | 2,000 RWF |
        | 1,001 RWF | the hold is pending, with 1,000 RWF captured and 1 RWF held  | 1 RWF     |
        | 1,000 RWF | it is refused: it is more than the hold                      | 2,000 RWF |
        | 1 RWF     | it is refused: it is more than the hold                      | 2,000 RWF |

    Scenario: Extending it
      Given it is 2026-03-03 12:00
      When the hold is extended to 30 days
      Then the hold expires at 2026-04-02 12:00

    Scenario: An ended hold cannot be changed
      Given the hold is voided
      When the hold is changed to 4,000 RWF
      Then it is refused: the hold is not open any more

  @transaction-21
  Rule: T21. A wallet with held money cannot be closed; a frozen one releases it, and lets none be captured

    Background:
      Given Aline is a customer with 3,000 RWF
      And Bosco is a customer
      And 3,000 RWF is held in Aline's wallet for Bosco's wallet

    Scenario: Closing the wallet
      When Aline's wallet is closed
      Then it is refused: there is still money in the wallet

    Scenario Outline: Capturing while a wallet is frozen
      Given <wallet> is frozen for <scope>
      When the hold is captured
      Then it is <outcome>

      Examples:
        | wallet         | scope           | outcome                                   |
        | Aline's wallet | money going out | refused: the wallet does not allow it now |
        | Aline's wallet | all movements   | refused: the wallet does not allow it now |
        | Bosco's wallet | money going out | done                                      |
        | Bosco's wallet | all movements   | refused: the wallet does not allow it now |

    Scenario: Voiding while the wallet is frozen
      Given Aline's wallet is frozen for all movements
      When the hold is voided
      Then the hold is voided, with 0 RWF captured and 0 RWF held
      And Aline's wallet holds 3,000 RWF
