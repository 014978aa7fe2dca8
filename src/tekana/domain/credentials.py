"""The credential of a customer: a password or a PIN, its lockout, and the one-time codes that set a new one."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from tekana.domain.errors import invalid
from tekana.domain.identifiers import CustomerId

PIN_DIGITS: Final = range(6, 13)
PASSWORD_LENGTHS: Final = range(8, 129)

FREE_ATTEMPTS: Final = 5
FIRST_LOCK: Final = timedelta(seconds=30)
LONGEST_LOCK: Final = timedelta(hours=1)
ATTEMPTS_FORGOTTEN_AFTER: Final = timedelta(days=1)

CODE_DIGITS: Final = 8
CODE_ATTEMPTS: Final = 5
CODE_LIFETIME: Final = timedelta(minutes=10)
CODES_MAX: Final = 5
CODES_WINDOW: Final = timedelta(hours=1)
"""At most CODES_MAX codes are sent to a customer within CODES_WINDOW."""


def normalize_password(value: str) -> str:
    """Return a password in the form that is hashed: NFKC, so that each keyboard leads to the same text."""
    return unicodedata.normalize("NFKC", value)


def check_new_password(field: str, value: str) -> str:
    """Check a new password or PIN, and return it in the form that is hashed.

    A text of digits alone is a PIN. The error never contains the value.

    Raises:
        InvalidRequest: it is too short, too long, or a PIN that is guessed first.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(field, "must be valid Unicode text") from None
    normal = normalize_password(value)
    if re.fullmatch("[0-9]+", normal):
        if len(normal) not in PIN_DIGITS:
            raise invalid(field, f"must have {PIN_DIGITS.start} to {PIN_DIGITS.stop - 1} digits if it is a PIN")
        if {(int(b) - int(a)) % 10 for a, b in pairwise(normal)} <= {0, 1, 9}:
            raise invalid(field, "must not be a PIN of equal or consecutive digits")
    elif len(normal) not in PASSWORD_LENGTHS:
        raise invalid(field, f"must have {PASSWORD_LENGTHS.start} to {PASSWORD_LENGTHS.stop - 1} characters")
    return normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The password or PIN of a customer, as a hash, with the attempts since the last right one.

    An attempt is counted before its password is compared, so that attempts at the same time have no more tries than
    those one after the other. From the fifth on, each doubles the time until the next: 30 seconds, a minute, and so on
    up to an hour. An attempt before that time is not compared and does not count, so it prolongs nothing.
    """

    customer_id: CustomerId
    tenant: str
    password_hash: str = field(repr=False)
    changed_at: datetime
    attempts: int = 0
    attempted_at: datetime | None = None
    locked_until: datetime | None = None

    def is_locked(self, now: datetime) -> bool:
        """Return whether attempts are refused at present."""
        return self.locked_until is not None and now < self.locked_until

    def count_attempt(self, now: datetime) -> Credential:
        """Return the credential after one more attempt, which is not known to be right yet."""
        is_old = self.attempted_at is None or now - self.attempted_at > ATTEMPTS_FORGOTTEN_AFTER
        attempts = 1 if is_old else self.attempts + 1
        over = attempts - FREE_ATTEMPTS
        lock = None if over < 0 else now + min(FIRST_LOCK * 2 ** min(over, 20), LONGEST_LOCK)
        return replace(self, attempts=attempts, attempted_at=now, locked_until=lock)

    def accept(self, password_hash: str | None = None) -> Credential:
        """Return the credential after the right password, with a new hash if its parameters changed."""
        return replace(
            self,
            attempts=0,
            attempted_at=None,
            locked_until=None,
            password_hash=password_hash or self.password_hash,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A code that was sent to a customer's phone or email, as a hash. It sets one new password.

    Its id is known only to the client that asked for it, so that no other client can use up its attempts.
    """

    id: UUID = field(repr=False)
    customer_id: CustomerId
    tenant: str
    code_hash: str = field(repr=False)
    created_at: datetime
    attempts: int = 0

    @property
    def expires_at(self) -> datetime:
        """Return the time from which on the code is refused."""
        return self.created_at + CODE_LIFETIME

    def is_usable(self, now: datetime) -> bool:
        """Return whether the code can be compared once more."""
        return now < self.expires_at and self.attempts < CODE_ATTEMPTS

    def count_attempt(self) -> OneTimeCode:
        """Return the code after one more attempt, which is not known to be right yet."""
        return replace(self, attempts=self.attempts + 1)
