"""What the store keeps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tekana.domain.customer import Contact, Customer
from tekana.domain.events import Event
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.unit_of_work import Claimed, Key


@dataclass(slots=True)
class Kept:
    """Everything, as of the last unit of work that was saved."""

    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    contacts: dict[Contact, CustomerId] = field(default_factory=dict)
    wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    wallets_of: dict[CustomerId, list[WalletId]] = field(default_factory=lambda: defaultdict(list))
    transactions: dict[TransactionId, Transaction] = field(default_factory=dict)
    entries: dict[WalletId, list[PostedEntry]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[Key, Claimed] = field(default_factory=dict)
    outbox: list[Transaction | Event] = field(default_factory=list)
