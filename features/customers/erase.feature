Feature: Erase a customer

  A person who has left may ask that their data are erased. The history of their money stays.

  @customer-9
  Rule: C9. The personal data of a customer can be erased once they are closed and the retention period is over

    Background:
      Given Aline is a customer

    Scenario: An active customer is not erased
      When Aline is erased
      Then it is refused: the customer cannot be erased yet
      And Aline is active

    Scenario: A customer who was just closed is not erased, as the law asks to keep their data
      Given Aline is closed as a customer
      When Aline is erased
      Then it is refused: the customer cannot be erased yet
      And Aline is closed
