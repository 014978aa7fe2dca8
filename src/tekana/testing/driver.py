"""The driver: the interface between the Gherkin steps and the system under test.

Records have the fields of the HTTP contract; ids, amounts and times are text, the same for all drivers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

Record = Mapping[str, Any]

CustomerVerb = Literal["register", "update", "verify", "suspend", "reactivate", "close_customer", "erase"]
WalletVerb = Literal["open_wallet", "update_wallet", "freeze", "unfreeze", "close_wallet"]
MoneyVerb = str
"""The `type` of any money command."""

BatchVerb = Literal["batch", "create_quote"]
TermsVerb = Literal["set_limits", "override_limits", "set_rate", "create_fee_schedule", "end_fee_schedule"]
WebhookVerb = Literal["create_webhook", "update_webhook", "resend"]
ApprovalVerb = Literal["approve", "reject"]
FollowUpVerb = Literal["capture", "void", "change_hold", "reverse"]
SignInVerb = Literal[
    "set_password", "sign_in", "refresh", "sign_out", "request_code", "set_password_by_code", "change_password"
]
Verb = (
    CustomerVerb
    | WalletVerb
    | BatchVerb
    | TermsVerb
    | WebhookVerb
    | ApprovalVerb
    | FollowUpVerb
    | SignInVerb
    | MoneyVerb
)

Kind = Literal["customers", "wallets", "transactions", "approvals", "audit-log", "exports", "limits"]
"""What can be read. Exports and limits are of a customer."""


class Reply(NamedTuple):
    """The answer to a successful request, and whether it was replayed."""

    record: Record
    replayed: bool


class Refusal(Exception):
    """A request was refused: the stable code, and the names of the invalid fields, or the limit, if any."""

    def __init__(
        self, code: str, fields: Sequence[str] = (), *, replayed: bool = False, limit: Record | None = None
    ) -> None:
        super().__init__(f"{code} {' '.join(fields)}".strip())
        self.code = code
        self.fields = tuple(fields)
        self.replayed = replayed
        self.limit = limit


class Driver(Protocol):
    """A connection to a tekana under test. Every method raises Refusal if the request is refused."""

    async def do(self, verb: Verb, subject: str | None, details: Record, *, key: str) -> Reply:
        """Send a request. One that waits for an approval succeeds, with the approval as its record.

        Args:
            verb: the operation.
            subject: the id of the customer, wallet, webhook endpoint, approval, hold, fee schedule, or webhook delivery
                (`resend`); None for `register`, `batch`, `set_limits`, `set_rate`, `create_fee_schedule`,
                `create_quote`, `create_webhook`, money commands, and sign-in but for `set_password`.
            details: the fields of the request; of `create_quote`, those of a money command, with its `type`.
                `update` may have an `expected_version`; `batch` has its `mode` and
                `transactions`, and its reply has `results` even if all of them were refused.
            key: the idempotency key.
        """
        ...

    async def preview(self, verb: Verb, details: Record, subject: str | None = None) -> Reply:
        """Send a money command, a batch, or a command about a hold or a transaction as a dry run, without a key."""
        ...

    async def get(self, kind: Kind, id: str) -> Record:
        """Return the customer, wallet, transaction or approval with this id."""
        ...

    async def find(self, kind: Kind, **which: str) -> list[Record]:
        """Return all records that match, from all pages, in order."""
        ...

    async def outcome(self, key: str) -> Record:
        """Return what the request with this idempotency key led to."""
        ...

    async def entries(self, wallet_id: str) -> list[Record]:
        """Return all entries of a wallet."""
        ...

    async def balance_at(self, wallet_id: str, at: str) -> Record:
        """Return a wallet's balance at a time."""
        ...

    async def statement(self, wallet_id: str, **period: str) -> Record:
        """Return a wallet's statement of the period `from` … `to`, each of which may be left out."""
        ...

    async def trial_balance(self, at: str) -> Record:
        """Return the trial balance at a time."""
        ...

    async def exchange_positions(self, currency: str) -> Record:
        """Return the exchange positions, valued in a currency."""
        ...

    async def events(self) -> list[Record]:
        """Return all events, in the order of the feed."""
        ...

    async def webhook(self, endpoint_id: str) -> Record:
        """Return a webhook endpoint."""
        ...

    async def deliveries(self, endpoint_id: str) -> list[Record]:
        """Return the deliveries of a webhook endpoint, newest first."""
        ...
