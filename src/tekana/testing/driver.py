"""How the Gherkin steps reach what they test: a few verbs, and records in the shapes of the HTTP contract.

Ids, amounts and times are text, as on the wire; so a step does not know which door it went through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

Record = Mapping[str, Any]

CustomerVerb = Literal["register", "update", "verify", "suspend", "reactivate", "close_customer"]
WalletVerb = Literal["open_wallet", "freeze", "unfreeze", "close_wallet"]
MoneyVerb = str
"""The `type` of any money command."""

BatchVerb = Literal["batch"]
WebhookVerb = Literal["create_webhook", "update_webhook", "resend"]
Verb = CustomerVerb | WalletVerb | BatchVerb | WebhookVerb | MoneyVerb

Kind = Literal["customers", "wallets", "transactions"]


class Reply(NamedTuple):
    """The answer to what was done, and whether it repeats an earlier one."""

    record: Record
    replayed: bool


class Refusal(Exception):
    """It was not done: the stable code, and the fields that were wrong, if that is why."""

    def __init__(self, code: str, fields: Sequence[str] = (), *, replayed: bool = False) -> None:
        super().__init__(f"{code} {' '.join(fields)}".strip())
        self.code = code
        self.fields = tuple(fields)
        self.replayed = replayed


class Driver(Protocol):
    """A door to a tekana. Every method raises Refusal for what tekana says no to."""

    async def do(self, verb: Verb, subject: str | None, details: Record, *, key: str) -> Reply:
        """Do something to the one with the id `subject`; registering, moving money and creating webhooks have none.

        `update` takes the version that the change is made from as `expected_version`; without, any will do. `batch`
        takes its `mode` and `transactions`, and replies even if nothing of it was done: the `results` tell. `resend`
        takes the id of a webhook's delivery; it and `update_webhook` have no use for the key.
        """
        ...

    async def get(self, kind: Kind, id: str) -> Record:
        """The one with this id."""
        ...

    async def find(self, kind: Kind, **which: str) -> list[Record]:
        """All that match, page after page, in the order in which they are listed."""
        ...

    async def entries(self, wallet_id: str) -> list[Record]:
        """A wallet's whole history."""
        ...

    async def balance_at(self, wallet_id: str, at: str) -> Record:
        """A wallet's balance at a time."""
        ...

    async def events(self) -> list[Record]:
        """Everything that happened, in the order of the feed."""
        ...

    async def webhook(self, endpoint_id: str) -> Record:
        """A webhook endpoint."""
        ...

    async def deliveries(self, endpoint_id: str) -> list[Record]:
        """What was delivered to a webhook endpoint, or is to be, the newest first."""
        ...
