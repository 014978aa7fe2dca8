"""The answers of commands, which are stored under idempotency keys and returned for every repetition."""

from __future__ import annotations

from typing import Literal, NamedTuple

from tekana.domain.customer import Customer
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import Wallet
from tekana.domain.webhook_answers import DeletedWebhook
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint


class CustomerWithWallets(NamedTuple):
    """A customer and all their wallets, in order of opening."""

    customer: Customer
    wallets: tuple[Wallet, ...]


BatchMode = Literal["atomic", "independent"]
"""Whether the transactions of a batch are all posted or all rejected, or decided one by one."""


class BatchRecord(NamedTuple):
    """The answer stored under a batch's key: its mode and size. Each transaction has a key of its own."""

    mode: BatchMode
    size: int


Answer = (
    Transaction
    | Wallet
    | CustomerWithWallets
    | Rejection
    | BatchRecord
    | WebhookEndpoint
    | WebhookDelivery
    | DeletedWebhook
)
"""The result of a command, stored under its idempotency key and returned again for every repetition."""
