Feature: Exchange positions
  They show what the operator holds of each currency from exchanges, what that is worth at today's rates, and so what the
  operator has earned or lost with all exchanges.

  Background:
    Given Aline is a customer with 500,000 RWF
    And Aline has a travel wallet with 200.00 USD
    And the operator buys USD at 1310 RWF and sells it at 1320 RWF

  @report-2
  Rule: R2. A position is valued between bid and ask, and all of them together are the profit

    Scenario: Nothing was exchanged
      Then the exchange positions in RWF are:
        | currency | balance | value |
      And the profit of exchanges is 0 RWF

    Scenario: The difference between buying and selling is the operator's
      Given an exchange of 132,000 RWF is made from Aline's wallet to Aline's travel wallet
      And an exchange of 100.00 USD is made from Aline's travel wallet to Aline's wallet
      Then the exchange positions in RWF are:
        | currency | balance | value |
        | RWF      | 1,000   | 1,000 |
      And the profit of exchanges is 1,000 RWF

    Scenario: What is rounded away is the operator's
      Given an exchange of 13,199 RWF is made from Aline's wallet to Aline's travel wallet
      Then the exchange positions in RWF are:
        | currency | balance | value   |
        | RWF      | 13,199  | 13,199  |
        | USD      | -9.99   | -13,137 |
      And the profit of exchanges is 62 RWF

    Scenario: A currency that became dearer after it was sold is a loss
      Given an exchange of 132,000 RWF is made from Aline's wallet to Aline's travel wallet
      And the operator buys USD at 1400 RWF and sells it at 1410 RWF
      Then the exchange positions in RWF are:
        | currency | balance | value    |
        | RWF      | 132,000 | 132,000  |
        | USD      | -100.00 | -140,500 |
      And the loss from exchanges is 8,500 RWF
      And the exchange positions in USD are:
        | currency | balance | value   |
        | RWF      | 132,000 | 93.95   |
        | USD      | -100.00 | -100.00 |
      And the loss from exchanges is 6.05 USD

    Scenario: Without a rate there is no value
      Given an exchange of 132,000 RWF is made from Aline's wallet to Aline's travel wallet
      Then the exchange positions in EUR are:
        | currency | balance | value |
        | RWF      | 132,000 |       |
        | USD      | -100.00 |       |
      And the profit of exchanges in EUR is unknown
