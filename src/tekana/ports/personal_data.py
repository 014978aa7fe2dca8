"""What is held about a customer beside their profile, wallets and transactions. It is for an export to them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, Protocol

from tekana.domain.audit_log import AuditEntry
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.ports.page import Page, PageRequest


class SignInSession(NamedTuple):
    """A sign-in on a device: a family of refresh tokens, without them."""

    started_at: datetime
    refreshed_at: datetime
    ended: bool


class SignInData(NamedTuple):
    """How a customer signs in, without secrets.

    Attributes:
        password_changed_at: when the password was set; None without one.
        failed_attempts: how many attempts have failed since the last right one.
        attempted_at: the last of them; None without any.
        locked_until: until when attempts are refused; None if they are not.
        sessions: those that are stored, the oldest first.
        codes_sent_at: when one-time codes were sent, as far as that is stored.
        identities: the subjects of outside issuers that are this customer.
    """

    password_changed_at: datetime | None = None
    failed_attempts: int = 0
    attempted_at: datetime | None = None
    locked_until: datetime | None = None
    sessions: tuple[SignInSession, ...] = ()
    codes_sent_at: tuple[datetime, ...] = ()
    identities: tuple[Identity, ...] = ()


NO_SIGN_IN: Final = SignInData()
"""Of a customer who has nothing to sign in with, and of a store that keeps no credentials."""


class PersonalData(Protocol):
    """What is held about the customers that a caller has access to. Reads of it are in the audit log.

    Methods raise CustomerNotFound for all others, and Unavailable.
    """

    async def sign_in(self, customer_id: CustomerId) -> SignInData:
        """Return how a customer signs in."""
        ...

    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        """List the entries of the audit log about a customer and their wallets, and of what they did, by id.

        They are disclosed as `tekana.domain.audit_log.disclosed` says.

        Raises:
            InvalidRequest: the cursor is not one of this list.
        """
        ...
