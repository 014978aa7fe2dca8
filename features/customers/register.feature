Feature: Registering customers
  A person registers once, and can hold money immediately.

  @customer-1
  Rule: C1. A new customer is active and has one empty wallet

    Scenario: By default the first wallet is in the operator's currency
      When Aline registers
      Then it is done
      And Aline is active
      And Aline has 1 wallet
      And Aline's wallet holds 0 RWF

    Scenario Outline: The first wallet can be in another currency
      When Aline registers with the currency "<currency>"
      Then it is done
      And Aline's wallet holds <nothing>

      Examples:
        | currency | nothing   |
        | RWF      | 0 RWF     |
        | USD      | 0.00 USD  |
        | KWD      | 0.000 KWD |

    Scenario: A currency that does not exist is not accepted
      When Aline registers with the currency "XXX"
      Then it is not accepted: the currency is wrong
      And there are 0 customers

  @customer-2
  Rule: C2. No two open customers have the same email, phone number or external id

    Background:
      Given Aline is a customer
      And Aline's external id is "crm-1001"

    Scenario Outline: A second customer with the same details is refused
      When Bosco registers with the <detail> "<value>"
      Then it is refused: another customer has it
      And there is 1 customer

      Examples:
        | detail       | value             | because                           |
        | email        | aline@example.com | Aline has it                      |
        | email        | ALINE@Example.com | large and small letters are equal |
        | phone number | +250788000001     | Aline has it                      |
        | phone number | +250 788 000 001  | spaces do not matter              |
        | external id  | crm-1001          | Aline has it                      |

    Scenario: The details of a closed customer can be used again
      Given Aline is closed as a customer
      When Bosco registers with the email "aline@example.com"
      Then it is done
      And there are 2 customers

  @customer-3
  Rule: C3. Emails and phone numbers must be well-formed

    Scenario Outline: Malformed emails are not accepted
      When Aline registers with the email "<email>"
      Then it is not accepted: the email is wrong
      And there are 0 customers

      Examples:
        | email              |
        | aline              |
        | aline@             |
        | @example.com       |
        | aline@@example.com |
        | aline@example      |
        | a line@example.com |

    Scenario Outline: Malformed phone numbers are not accepted
      When Aline registers with the phone number "<phone number>"
      Then it is not accepted: the phone number is wrong
      And there are 0 customers

      Examples:
        | phone number          | because                     |
        | 0788                  | no country                  |
        | 0788123456            | no country                  |
        | +250                  | no number                   |
        | +2507881              | too short                   |
        | +25078812345678901234 | too long                    |
        | +999788123456         | no country has the code 999 |
        | my phone              | no digits                   |

    Scenario: With a country, a phone number in national format is accepted
      When Aline registers with these details:
        | country      | RW         |
        | phone number | 0788123456 |
      Then it is done
      And Aline's phone number is "+250788123456"

  @customer-4
  Rule: C4. Customers can be searched by contact, external id and status

    Scenario Outline: Searching by one detail
      Given Aline is a customer
      And Bosco is a customer
      And Chantal is a customer
      And Bosco's external id is "crm-7"
      And Chantal is suspended
      When I search customers by <detail> "<value>"
      Then I find "<who>"

      Examples:
        | detail       | value             | who          |
        | email        | aline@example.com | Aline        |
        | phone number | +250788000002     | Bosco        |
        | external id  | crm-7             | Bosco        |
        | status       | active            | Aline, Bosco |
        | status       | suspended         | Chantal      |
        | status       | closed            |              |
        | email        | dan@example.com   |              |
