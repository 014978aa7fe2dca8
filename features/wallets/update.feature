Feature: Changing wallets' details

  @wallet-8
  Rule: W8. The name of an open wallet can be changed, whatever its balance, and no money moves

    Scenario: Renaming a wallet
      Given Aline is a customer
      And Aline has a travel wallet with 300 RWF
      When Aline's travel wallet is renamed "Holidays"
      Then it is done
      And Aline's travel wallet is named "Holidays"
      And Aline's travel wallet holds 300 RWF

    Scenario: A frozen wallet can be renamed, and stays frozen
      Given Aline is a customer
      And Aline's wallet is frozen for all movements
      When Aline's wallet is renamed "Everyday"
      Then it is done
      And Aline's wallet is named "Everyday"
      And Aline's wallet is frozen

    Scenario: A closed wallet stays as it is
      Given Aline is a customer
      And Aline has a travel wallet in USD
      And Aline's travel wallet is closed
      When Aline's travel wallet is renamed "Holidays"
      Then it is refused: the wallet does not allow it now
      And Aline's travel wallet is named "travel"

    Scenario: A wallet that does not exist cannot be renamed
      Given Aline is a customer
      When a missing wallet is renamed "Holidays"
      Then it is refused: there is no such customer or wallet

    Scenario: The same request twice renames once
      Given Aline is a customer
      When Aline's wallet is renamed "Everyday"
      Then it is done
      When the same request is sent again
      Then the answer is the same as before
