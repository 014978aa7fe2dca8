Feature: Two people
  An operator can decide that corrections of a balance and the reactivation of a suspended customer need a second
  person. What one person asks for waits until another one has approved it.

  @approval-1
  Rule: A1. What needs an approval is done once a second person has approved it, and not before

    Scenario: A correction waits for a second person
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      Then it waits for an approval
      And Aline's wallet holds 5,000 RWF
      When Henry approves it
      Then it is done
      And what was asked for is approved
      And Aline's wallet holds 5,500 RWF

    Scenario: A suspended customer waits, too
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer
      And Aline is suspended
      When Grace asks to reactivate Aline
      Then it waits for an approval
      And Aline is suspended
      When Henry approves it
      Then Aline is active

    Scenario: Other movements of money do not wait
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When 500 RWF is withdrawn from Aline's wallet
      Then it is done

    Scenario: What cannot be done is refused at once
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to take 5,001 RWF from Aline's wallet because "A deposit was booked twice"
      Then it is refused: not enough money

  @approval-2
  Rule: A2. The one who asked can neither approve nor reject it

    Scenario Outline: Deciding on one's own request
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      And Grace <decides>
      Then it is refused: they asked for it themselves
      And what was asked for is pending
      And Aline's wallet holds 5,000 RWF

      Examples:
        | decides                           |
        | approves it                       |
        | rejects it because "it was wrong" |

  @approval-3
  Rule: A3. It is decided once: approved, rejected or too late

    Scenario: A rejected request is never done
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      And Henry rejects it because "The fee was taken once"
      Then what was asked for is rejected
      When Ida approves it
      Then it is refused: it was decided before
      And Aline's wallet holds 5,000 RWF

    Scenario: Approving twice does it once
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      And Henry approves it
      And the same request is sent again
      Then it is done
      When Ida approves it
      Then it is refused: it was decided before
      And Aline's wallet holds 5,500 RWF

    Scenario: Many approve at once
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      And 5 people approve it at once
      Then 1 of them is done, and the others are refused: it was decided before
      And Aline's wallet holds 5,500 RWF

    Scenario: After a day it is too late
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      And a day passes
      And Henry approves it
      Then it is refused: it is too late
      And what was asked for is expired
      And Aline's wallet holds 5,000 RWF

    Scenario: A rule that forbids it by then ends the request
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to take 5,000 RWF from Aline's wallet because "A deposit was booked twice"
      And 1 RWF is withdrawn from Aline's wallet
      And Henry approves it
      Then it is refused: not enough money
      And what was asked for is failed
      And Aline's wallet holds 4,999 RWF

    Scenario: Asking again under the same key is the same request
      Given corrections and reactivations need the approval of a second person
      And Aline is a customer with 5,000 RWF
      When Grace asks to add 500 RWF to Aline's wallet because "A fee was taken twice"
      And the same request is sent again
      Then it waits for an approval
      And the answer is the same as before
