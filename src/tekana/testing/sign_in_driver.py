"""The part of the driver for an application in this process that is about sign-in."""

from __future__ import annotations

from typing import Final, get_args
from uuid import UUID

from tekana.application.session import Session
from tekana.application.sign_in.contacts import SignInContact, sign_in_contact
from tekana.application.sign_in.customer_sign_in import CustomerSignIn
from tekana.application.sign_in.sign_in import Tokens
from tekana.application.tekana import Tekana
from tekana.domain.caller import Caller
from tekana.domain.identifiers import CustomerId
from tekana.ports.message_sender import CodeMessage
from tekana.testing.driver import Record, SignInVerb, Verb

SIGN_IN_VERBS: Final[frozenset[str]] = frozenset(get_args(SignInVerb))


class SignInDriver:
    """Sends requests of sign-in.

    Args:
        caller: sets passwords of customers.
        sign_in: that of the application.
    """

    def __init__(self, caller: Caller, sign_in: CustomerSignIn) -> None:
        self._caller = caller
        self._parts = sign_in

    async def do(self, verb: Verb, subject: str | None, details: Record) -> Record:
        """Send a request, and return the fields of its answer. Raises what the application raises."""
        sign_in, passwords = self._parts.sign_in, self._parts.passwords
        match verb:
            case "set_password":
                await passwords.set_for(self._caller, CustomerId(UUID(subject)), details["password"])
            case "sign_in":
                return _shown(await sign_in.sign_in(_contact(details), details["password"]))
            case "refresh":
                return _shown(await sign_in.refresh(details["refresh_token"]))
            case "sign_out":
                await sign_in.sign_out(details["refresh_token"])
            case "request_code":
                return {"challenge_id": str((await passwords.request_code(_contact(details))).id)}
            case "set_password_by_code":
                challenge_id = UUID(details["challenge_id"])
                await passwords.set_by_code(challenge_id, details["code"], details["password"])
            case "change_password":
                await passwords.change(_contact(details), details["password"], details["new_password"])
        return {}


def _contact(details: Record) -> SignInContact:
    return sign_in_contact(details.get("phone_number"), details.get("email"))


def _shown(tokens: Tokens) -> Record:
    return {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}


def messages_of(app: Tekana | Session) -> list[CodeMessage]:
    """Return the messages of an application whose `message_sender` is `memory://`."""
    messages: list[CodeMessage] = app.sign_in.passwords.sender.messages  # type: ignore[attr-defined]
    return messages
