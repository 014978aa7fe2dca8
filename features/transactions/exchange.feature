Feature: Exchanges
  A customer changes money of one currency into money of another, in their own wallets or into another customer's. The
  operator sets the rates: what they pay for a unit of a currency (bid), and what they take for it (ask).

  Background:
    Given Aline is a customer with 50,000 RWF
    And Aline has a travel wallet with 20.00 USD
    And the operator buys USD at 1310 RWF and sells it at 1320 RWF

  @transaction-24
  Rule: T24. Who gives the base currency is paid at the bid, who takes it pays the ask; what comes in is rounded down

    Scenario Outline: Both directions
      When an exchange of <amount> is made from <one> to <other>
      Then it is done
      And <one> holds <keeps>
      And <other> holds <gets>

      Examples:
        | amount     | one                   | other                 | keeps      | gets       |
        | 13,200 RWF | Aline's wallet        | Aline's travel wallet | 36,800 RWF | 30.00 USD  |
        | 13,199 RWF | Aline's wallet        | Aline's travel wallet | 36,801 RWF | 29.99 USD  |
        | 14 RWF     | Aline's wallet        | Aline's travel wallet | 49,986 RWF | 20.01 USD  |
        | 10.00 USD  | Aline's travel wallet | Aline's wallet        | 10.00 USD  | 63,100 RWF |
        | 0.01 USD   | Aline's travel wallet | Aline's wallet        | 19.99 USD  | 50,013 RWF |

    Scenario: An amount that comes to nothing is refused
      When an exchange of 13 RWF is made from Aline's wallet to Aline's travel wallet
      Then it is refused: it is less than the smallest amount of the other currency
      And Aline's wallet holds 50,000 RWF

    Scenario: Changing there and back costs the difference between bid and ask
      When an exchange of 13,200 RWF is made from Aline's wallet to Aline's travel wallet
      Then it is done
      When an exchange of 10.00 USD is made from Aline's travel wallet to Aline's wallet
      Then it is done
      And Aline's wallet holds 49,900 RWF
      And Aline's travel wallet holds 20.00 USD

    Scenario: Into another customer's wallet
      Given Bosco is a customer
      When an exchange of 10.00 USD is made from Aline's travel wallet to Bosco's wallet
      Then it is done
      And Bosco's wallet holds 13,100 RWF

  @transaction-25
  Rule: T25. The rate that applies at the moment of the exchange is used; without one there is no exchange

    Scenario: A new rate replaces the one before
      Given the operator buys USD at 1330.5 RWF and sells it at 1340 RWF
      When an exchange of 10.00 USD is made from Aline's travel wallet to Aline's wallet
      Then it is done
      And Aline's wallet holds 63,305 RWF

    Scenario: A rate that has expired
      Given the operator buys USD at 1330 RWF and sells it at 1340 RWF for an hour
      When a day passes
      And an exchange of 10.00 USD is made from Aline's travel wallet to Aline's wallet
      Then it is refused: there is no rate now

    Scenario: Currencies without a rate
      Given Aline has a business wallet with 5.00 EUR
      When an exchange of 1.00 EUR is made from Aline's business wallet to Aline's wallet
      Then it is refused: there is no rate now

    Scenario: The answer of a repeated exchange is that of the first, whatever the rate is by then
      When an exchange of 10.00 USD is made from Aline's travel wallet to Aline's wallet
      Then it is done
      Given the operator buys USD at 1000 RWF and sells it at 1001 RWF
      When the same request is sent again
      Then the answer is the same as before
      And Aline's wallet holds 63,100 RWF

  @transaction-26
  Rule: T26. An exchange that a rule forbids is refused, and recorded

    Scenario Outline: Exchanges that are refused, and why
      Given Bosco is a customer
      When an exchange of <amount> is made from <one> to <other>
      Then it is refused: <reason>

      Examples:
        | amount     | one                   | other                 | reason                              |
        | 20.01 USD  | Aline's travel wallet | Aline's wallet        | not enough money                    |
        | 100 RWF    | Aline's travel wallet | Aline's wallet        | it is another currency              |
        | 100 RWF    | Aline's wallet        | Bosco's wallet        | it is another currency              |
        | 100 RWF    | Aline's wallet        | a missing wallet      | there is no such customer or wallet |
        | 100 RWF    | a missing wallet      | Aline's travel wallet | there is no such customer or wallet |

  @transaction-27
  Rule: T27. The operator never pays more than they take: a bid above the ask, or the inverse of a pair, is refused

    Scenario: A bid above the ask
      When the operator buys USD at 1321 RWF and sells it at 1320 RWF
      Then it is not accepted: the bid is wrong

    Scenario: The inverse of a pair that has a rate
      When the operator buys RWF at 0.0007 USD and sells it at 0.0008 USD
      Then it is refused: the pair has a rate the other way round
