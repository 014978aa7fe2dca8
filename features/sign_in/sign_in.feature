Feature: Customers sign in

  @sign-in-1
  Rule: S1. A customer signs in by phone number or email, with a password or PIN

    Background:
      Given Aline is a customer
      And the partner sets the password "739184" for Aline

    Scenario Outline: The right one
      When Aline signs in by <contact> with "739184"
      Then it is done

      Examples:
        | contact      |
        | phone number |
        | email        |

    Scenario: A wrong one
      When Aline signs in by email with "739185"
      Then it is refused: this does not sign in

    Scenario Outline: One that is guessed first is not accepted
      When the partner sets the password "<password>" for Aline
      Then it is not accepted: the password is wrong

      Examples:
        | password |
        | 123456   |
        | 777777   |
        | 1234     |
        | short    |

  @sign-in-2
  Rule: S2. Nothing shows who is a customer, and who is not

    Scenario: A customer without a password, and someone who is none
      Given Aline is a customer
      When Aline signs in by email with "739184"
      Then it is refused: this does not sign in
      When Bosco signs in by email with "739184"
      Then it is refused: this does not sign in
      When Bosco asks for a code by email
      Then it is done
      And no code was sent

    Scenario: A suspended customer
      Given Aline is a customer
      And the partner sets the password "739184" for Aline
      And Aline is suspended
      When Aline signs in by email with "739184"
      Then it is refused: this does not sign in

  @sign-in-3
  Rule: S3. After five wrong passwords there is a wait, which doubles up to an hour

    Background:
      Given Aline is a customer
      And the partner sets the password "739184" for Aline
      And Aline has signed in 5 times with a wrong password

    Scenario: During the wait, the right password does not sign in either
      When Aline signs in by email with "739184"
      Then it is refused: this does not sign in

    Scenario: After the wait
      Given 30 seconds have passed
      When Aline signs in by email with "739184"
      Then it is done

    Scenario: A code ends the wait
      Given Aline asks for a code by phone number
      And the customer sets the password "a new password" with the code
      When Aline signs in by email with "a new password"
      Then it is done

  @sign-in-4
  Rule: S4. A one-time code sets one password, within ten minutes

    Background:
      Given Aline is a customer

    Scenario: The first password
      Given Aline asks for a code by phone number
      When the customer sets the password "739184" with the code
      Then it is done
      When Aline signs in by email with "739184"
      Then it is done

    Scenario: A code is used once
      Given Aline asks for a code by phone number
      And the customer sets the password "739184" with the code
      When the customer sets the password "another one" with the code
      Then it is refused: this does not sign in

    Scenario: A code ends
      Given Aline asks for a code by phone number
      And 600 seconds have passed
      When the customer sets the password "739184" with the code
      Then it is refused: this does not sign in

    Scenario: Another code
      Given Aline asks for a code by phone number
      When the customer sets the password "739184" with another code
      Then it is refused: this does not sign in

  @sign-in-5
  Rule: S5. A customer stays signed in with tokens that are used once each

    Background:
      Given Aline is a customer
      And the partner sets the password "739184" for Aline
      And Aline signs in by email with "739184"

    Scenario: Staying signed in
      When the customer stays signed in
      Then it is done
      When the customer stays signed in
      Then it is done

    Scenario: An old token ends the sign-in on that device
      Given the customer stays signed in
      And 60 seconds have passed
      When the token before is used again
      Then it is refused: this does not sign in
      When the customer stays signed in
      Then it is refused: this does not sign in

    Scenario: A request that is repeated at once
      Given the customer stays signed in
      When the token before is used again
      Then it is done

    Scenario: Signing out
      Given the customer signs out
      When the customer stays signed in
      Then it is refused: this does not sign in

    Scenario: A new password signs all devices out
      Given 1 second has passed
      And Aline changes the password "739184" to "a new password"
      When the customer stays signed in
      Then it is refused: this does not sign in

    Scenario: A suspension signs all devices out, for good
      Given Aline is suspended
      And Aline is reactivated
      When the customer stays signed in
      Then it is refused: this does not sign in
