"""What is held about a customer beside their profile, wallets and transactions. It is for an export to them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, Protocol

from tekana.domain.answers import CustomerWithWallets
from tekana.domain.approvals import ApprovalStatus
from tekana.domain.audit_log import AuditEntry
from tekana.domain.identifiers import ApprovalId, CustomerId
from tekana.domain.identities import Identity
from tekana.domain.wallet import Wallet
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


class ApprovalAbout(NamedTuple):
    """An approval of a command about a customer or their wallets, or that they asked for, without other people.

    Attributes:
        command: the stable name of the command.
        decided_at: when it was approved or rejected; None if it was not.
    """

    id: ApprovalId
    command: str
    status: ApprovalStatus
    asked_at: datetime
    expires_at: datetime
    decided_at: datetime | None


ABOUT_FIELDS: Final = ("customer_id", "wallet_id")
"""The fields of commands that can need an approval, of which the one given names whom the approval is about."""

StoredAnswer = CustomerWithWallets | Wallet
"""The answer of a command with a customer's data, as it is kept under the idempotency key."""


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

    async def approvals(self, customer_id: CustomerId, page: PageRequest) -> Page[ApprovalAbout]:
        """List the approvals about a customer and their wallets, and those that they asked for, by id.

        Raises:
            InvalidRequest: the cursor is not one of this list.
        """
        ...

    async def answers(self, customer_id: CustomerId, page: PageRequest) -> Page[StoredAnswer]:
        """List the answers with a customer's data that are kept under idempotency keys, in no particular order.

        They are of all callers. Of a customer who was erased, there are none.

        Raises:
            InvalidRequest: the cursor is not one of this list.
        """
        ...
