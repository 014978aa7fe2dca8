"""The table of services: the commands and queries of each, and their topics.

A service is a unit of deployment, not a kind of aggregate: new commands and queries are added to an existing service.
Each topic of commands is consumed in order and separately, so that slow commands do not delay other topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, get_args

from tekana.application.bus import ServiceName
from tekana.application.commands import Batch
from tekana.application.commands.customers import AnyCustomerCommand
from tekana.application.commands.money import AnyMoneyCommand
from tekana.application.commands.wallets import AnyWalletCommand
from tekana.application.commands.webhooks import AnyWebhookCommand

CoreCommand = AnyCustomerCommand | AnyWalletCommand | AnyMoneyCommand | AnyWebhookCommand
AnyCommand = CoreCommand | Batch


class ServiceEntry(NamedTuple):
    """The commands of a service, by the name of their topic, and its queries, by name."""

    commands: Mapping[str, tuple[type[AnyCommand], ...]]
    queries: tuple[str, ...]


SERVICES: Final[Mapping[ServiceName, ServiceEntry]] = {
    "customer": ServiceEntry(
        commands={"customer": get_args(AnyCustomerCommand)},
        queries=("customers.get", "customers.list"),
    ),
    "wallet": ServiceEntry(
        commands={"wallet": get_args(AnyWalletCommand)},
        queries=("wallets.get", "wallets.list", "wallets.entries", "wallets.balance_at"),
    ),
    "transaction": ServiceEntry(
        commands={
            "transaction": (*get_args(AnyMoneyCommand), Batch),
            "webhook": get_args(AnyWebhookCommand),
        },
        queries=(
            "transactions.get",
            "transactions.list",
            "events.list",
            "previews.preview",
            "webhooks.get",
            "webhooks.list",
            "webhooks.deliveries",
        ),
    ),
}

COMMANDS: Final[Mapping[str, tuple[type[AnyCommand], ...]]] = {
    topic: kinds for entry in SERVICES.values() for topic, kinds in entry.commands.items()
}
"""The commands on each topic of commands."""

TOPIC_OF: Final[Mapping[type[AnyCommand], str]] = {kind: topic for topic, kinds in COMMANDS.items() for kind in kinds}
"""The name of the topic of each command."""

SERVICE_OF: Final[Mapping[str, ServiceName]] = {
    query: name for name, entry in SERVICES.items() for query in entry.queries
}
"""The service of each query."""
