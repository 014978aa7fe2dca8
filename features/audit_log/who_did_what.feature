Feature: Who did what
  What staff and partners do to customers and wallets is in the audit log, and so is what was refused.

  Background:
    Given Aline is a customer with 5,000 RWF
    And Bosco is a customer with 5,000 RWF

  @audit-log-1
  Rule: L1. What was done is in the audit log, with what it changed

    Scenario: A freeze
      When Aline's wallet is frozen for money going out
      Then it is done
      And the audit log of Aline's wallet ends with "FreezeWallet": done
      And there the status changed from active to frozen

  @audit-log-2
  Rule: L2. What was refused is in the audit log, with the reason

    Scenario: Closing a wallet with money in it
      When Aline's wallet is closed
      Then it is refused: there is still money in the wallet
      And the audit log of Aline's wallet ends with "CloseWallet": refused

  @audit-log-3
  Rule: L3. Money that moves is in the ledger, not in the audit log

    Scenario: A transfer
      When 100 RWF is transferred from Aline's wallet to Bosco's wallet
      Then it is done
      And the audit log of Aline's wallet has 0 entries
