Feature: Keeping customers' details right

  @customer-5
  Rule: C5. Details change only if nobody else changed the customer since they were read

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

    Scenario: Two offices change the same customer
      Given the branch looks up Aline
      And the call centre looks up Aline
      And the call centre changes Aline's full name to "Aline Uwase"
      When the branch changes Aline's full name to "A. Uwase"
      Then it is refused: it changed meanwhile
      And Aline's full name is "Aline Uwase"

    Scenario: Having looked again, the change goes through
      Given the branch looks up Aline
      And the call centre changes Aline's full name to "Aline Uwase"
      And the branch looks up Aline
      When the branch changes Aline's full name to "A. Uwase"
      Then it is done
      And Aline's full name is "A. Uwase"

  @customer-2
  Rule: C2. Nobody shares an email, a phone number or an external id with another customer

    Scenario Outline: Nobody can take over what another has
      Given Aline is a customer
      And Bosco is a customer
      And the branch looks up Bosco
      When the branch changes Bosco's <detail> to "<value>"
      Then it is refused: another customer has it

      Examples:
        | detail       | value             |
        | email        | aline@example.com |
        | phone number | +250788000001     |

    Scenario: What a customer no longer uses is free again
      Given Aline is a customer
      And the branch changes Aline's email to "aline.new@example.com"
      When Bosco registers with the email "aline@example.com"
      Then it is done

  @customer-3
  Rule: C3. Emails and phone numbers have to be real ones, at least in form

    Scenario Outline: A change to what is none
      Given Aline is a customer
      When the branch changes Aline's <detail> to "<value>"
      Then it is not accepted: the <detail> is wrong

      Examples:
        | detail       | value |
        | email        | aline |
        | phone number | 12    |
