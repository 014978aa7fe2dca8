Feature: Deposits and withdrawals
  A deposit brings money from the world outside into a wallet; a withdrawal takes it back there.

  @transaction-1
  Rule: T1. A deposit adds exactly the amount deposited

    Scenario Outline: Deposits in currencies with no, two and three decimals
      Given Aline is a customer
      And Aline has a travel wallet with <before>
      When <amount> is deposited into Aline's travel wallet
      Then it is done
      And Aline's travel wallet holds <after>

      Examples:
        | before    | amount        | after         |
        | 1,500 RWF | 500 RWF       | 2,000 RWF     |
        | 12.50 USD | 0.01 USD      | 12.51 USD     |
        | 12.50 USD | 7.5 USD       | 20.00 USD     |
        | 1.999 KWD | 0.001 KWD     | 2.000 KWD     |
        | 0.10 USD  | 0.20 USD      | 0.30 USD      |
        | 1 RWF     | 400,000 RWF   | 400,001 RWF   |

  @transaction-2
  Rule: T2. A withdrawal takes exactly the amount withdrawn, and never more than the wallet holds

    Scenario Outline: Withdrawals up to the whole balance
      Given Aline is a customer
      And Aline has a travel wallet with <before>
      When <amount> is withdrawn from Aline's travel wallet
      Then it is <outcome>
      And Aline's travel wallet holds <after>

      Examples:
        | before    | amount    | outcome                   | after     |
        | 1,500 RWF | 500 RWF   | done                      | 1,000 RWF |
        | 1,500 RWF | 1,500 RWF | done                      | 0 RWF     |
        | 1,500 RWF | 1,501 RWF | refused: not enough money | 1,500 RWF |
        | 12.50 USD | 12.51 USD | refused: not enough money | 12.50 USD |
        | 0.010 KWD | 0.011 KWD | refused: not enough money | 0.010 KWD |

    Scenario: Of several simultaneous withdrawals of the whole balance, one is done
      Given Aline is a customer with 1,000 RWF
      When 1,000 RWF is withdrawn from Aline's wallet by 8 people at once
      Then 1 of them is done, and the others are refused: not enough money
      And Aline's wallet holds 0 RWF

  @transaction-3
  Rule: T3. Money moves only in the wallet's own currency

    Scenario Outline: Another currency is refused
      Given Aline is a customer with 5,000 RWF
      When <movement>
      Then it is refused: it is another currency
      And Aline's wallet holds 5,000 RWF

      Examples:
        | movement                                    |
        | 10.00 USD is deposited into Aline's wallet  |
        | 10.00 USD is withdrawn from Aline's wallet  |
        | 1.000 KWD is withdrawn from Aline's wallet  |

  @transaction-4
  Rule: T4. An amount is a positive number with no more decimals than its currency has

    Scenario Outline: Amounts that are not accepted
      Given Aline is a customer with 5,000 RWF
      When the amount "<amount>" in <currency> is deposited into Aline's wallet
      Then it is not accepted: the amount is wrong
      And Aline's wallet holds 5,000 RWF
      And there is 1 transaction

      Examples:
        | amount                   | currency | because                      |
        | 0                        | RWF      | nothing moves                |
        | 0.00                     | USD      | nothing moves                |
        | -5                       | RWF      | it is less than nothing      |
        | +5                       | RWF      | a plain number has no sign   |
        | 1.5                      | RWF      | RWF has no decimals          |
        | 1.005                    | USD      | USD has two decimals         |
        | 1.0005                   | KWD      | KWD has three decimals       |
        | 1e2                      | RWF      | it is not written in full    |
        | 1,000                    | RWF      | it has a separator           |
        | 1.                       | USD      | the decimals are missing     |
        | .5                       | USD      | the whole part is missing    |
        | NaN                      | RWF      | it is no number              |
        | Infinity                 | RWF      | it is no number              |
        | twelve                   | RWF      | it is no number              |
        | ١٢                       | RWF      | only the digits 0 to 9 count |
        | 1000000000000001         | RWF      | it is more than can be moved |
        | 9223372036854775808      | RWF      | it is more than can be moved |
        | 99999999999999999999.99  | USD      | it is more than can be moved |

    Scenario: A currency that does not exist
      Given Aline is a customer with 5,000 RWF
      When the amount "5" in XXX is deposited into Aline's wallet
      Then it is not accepted: the currency is wrong
