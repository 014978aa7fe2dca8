Feature: Changing customers' details

  @customer-5
  Rule: C5. Details change only if the customer has not changed since it was read

    Background:
      Given Aline is a customer

    Scenario Outline: Changing a detail
      Given the branch looks up Aline
      When the branch changes Aline's <detail> to "<value>"
      Then it is done
      And Aline's <detail> is "<value>"

      Examples:
        | detail       | value                 |
        | full name    | Aline Uwase Mukamana  |
        | email        | aline.new@example.com |
        | phone number | +250722333444         |
        | external id  | crm-42                |

    Scenario: The second of two changes based on the same reading is refused
      Given the branch looks up Aline
      And the call centre looks up Aline
      And the call centre changes Aline's full name to "Aline Uwase"
      When the branch changes Aline's full name to "A. Uwase"
      Then it is refused: it changed meanwhile
      And Aline's full name is "Aline Uwase"

    Scenario: After reading the customer again, the change is accepted
      Given the branch looks up Aline
      And the call centre changes Aline's full name to "Aline Uwase"
      And the branch looks up Aline
      When the branch changes Aline's full name to "A. Uwase"
      Then it is done
      And Aline's full name is "A. Uwase"

  @customer-2
  Rule: C2. No two open customers have the same email, phone number or external id

    Scenario Outline: Changing to another customer's detail is refused
      Given Aline is a customer
      And Bosco is a customer
      And the branch looks up Bosco
      When the branch changes Bosco's <detail> to "<value>"
      Then it is refused: another customer has it

      Examples:
        | detail       | value             |
        | email        | aline@example.com |
        | phone number | +250788000001     |

    Scenario: A detail that a customer no longer has can be used by another
      Given Aline is a customer
      And the branch changes Aline's email to "aline.new@example.com"
      When Bosco registers with the email "aline@example.com"
      Then it is done

  @customer-3
  Rule: C3. Emails and phone numbers must be well-formed

    Scenario Outline: A change to a malformed value is not accepted
      Given Aline is a customer
      When the branch changes Aline's <detail> to "<value>"
      Then it is not accepted: the <detail> is wrong

      Examples:
        | detail       | value |
        | email        | aline |
        | phone number | 12    |
