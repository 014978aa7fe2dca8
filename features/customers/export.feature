Feature: Give customers their data

  A person may ask for everything that is held about them. They receive it as one document, without what is about others.

  @customer-10
  Rule: C10. An export has everything that is held about a customer, and nothing about others

    Scenario: What is held about a customer
      Given Aline is a customer with 5,000 RWF
      And Bosco is a customer
      When 10 RWF is transferred from Aline's wallet to Bosco's wallet with the reference "tea"
      Then the export of Aline has their name and 2 transactions
      And the export of Bosco has their name and 1 transaction
