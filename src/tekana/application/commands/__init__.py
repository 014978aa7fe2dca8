"""The commands. Each package (`customers`, `wallets`, `money`, `webhooks`) lists its own.

A `Batch` is a list of money commands.

HTTP, the bus, the feature drivers, the tests and the reference (docs/reference/catalog.md) are derived from the class
attributes of commands: see `tekana.application.commands.command.Command`.
"""

from typing import TYPE_CHECKING, Any, Final, get_args

from tekana.application.commands import customers, money, wallets, webhooks
from tekana.application.commands.batch import Batch as Batch
from tekana.application.commands.batch import BatchOutcome as BatchOutcome
from tekana.application.commands.command import Command as Command
from tekana.application.commands.command import MoneyCommand as MoneyCommand
from tekana.application.commands.customers import *
from tekana.application.commands.customers import AnyCustomerCommand
from tekana.application.commands.money import *
from tekana.application.commands.money import AnyMoneyCommand as AnyMoneyCommand
from tekana.application.commands.wallets import *
from tekana.application.commands.wallets import AnyWalletCommand
from tekana.application.commands.webhooks import *
from tekana.application.commands.webhooks import AnyWebhookCommand
from tekana.domain.events import TransactionType

if not TYPE_CHECKING:  # mypy accepts only a literal list, which would repeat the name of each command
    __all__ = [
        *customers.__all__,
        *wallets.__all__,
        *money.__all__,
        *webhooks.__all__,
        *("Batch", "BatchOutcome", "Command", "MoneyCommand"),
    ]

COMMANDS: Final[dict[str, type[Command[Any]]]] = {
    kind.NAME: kind
    for group in (AnyCustomerCommand, AnyWalletCommand, AnyMoneyCommand, AnyWebhookCommand)
    for kind in get_args(group)
}
"""Every command by its stable name."""

MONEY_COMMANDS: Final[dict[TransactionType, type[AnyMoneyCommand]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyMoneyCommand)
}
"""Every command that moves money, by the type of transaction that it leads to."""
