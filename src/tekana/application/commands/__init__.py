"""The commands. Each package lists its own in its `GROUP`.

A `Batch` is a list of money commands.

HTTP, the bus, the feature drivers, the tests and the reference (docs/reference/catalog.md) are derived from the class
attributes of commands: see `tekana.application.commands.command.Command`.
"""

from typing import TYPE_CHECKING, Any, Final, get_args

from tekana.application.commands import (
    api_keys,
    approvals,
    customers,
    fees,
    limits,
    money,
    quotes,
    rates,
    wallets,
    webhooks,
)
from tekana.application.commands.api_keys import *
from tekana.application.commands.approvals import *
from tekana.application.commands.batch import Batch as Batch
from tekana.application.commands.batch import BatchOutcome as BatchOutcome
from tekana.application.commands.command import Command as Command
from tekana.application.commands.command import MoneyCommand as MoneyCommand
from tekana.application.commands.customers import *
from tekana.application.commands.fees import *
from tekana.application.commands.group import CommandGroup
from tekana.application.commands.limits import *
from tekana.application.commands.money import *
from tekana.application.commands.money import AnyMoneyCommand as AnyMoneyCommand
from tekana.application.commands.quotes import *
from tekana.application.commands.rates import *
from tekana.application.commands.wallets import *
from tekana.application.commands.webhooks import *
from tekana.domain.events import TransactionType

_PACKAGES = (customers, wallets, money, webhooks, api_keys, approvals, limits, rates, fees, quotes)

GROUPS: Final[tuple[CommandGroup, ...]] = tuple(package.GROUP for package in _PACKAGES)
"""The commands of each package, and where they go on the bus."""

if not TYPE_CHECKING:  # mypy accepts only a literal list, which would repeat the name of each command
    __all__ = [
        *(name for package in _PACKAGES for name in package.__all__),
        *("Batch", "BatchOutcome", "Command", "MoneyCommand"),
    ]

COMMANDS: Final[dict[str, type[Command[Any]]]] = {kind.NAME: kind for group in GROUPS for kind in group.commands}
"""Every command by its stable name."""

MONEY_COMMANDS: Final[dict[TransactionType, type[AnyMoneyCommand]]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(AnyMoneyCommand)
}
"""Every command that begins a movement of money, by the type of transaction that it leads to."""
