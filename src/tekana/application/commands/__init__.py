"""Commands: what callers can have done. This is the table of contents.

    customers   RegisterCustomer, UpdateCustomer, VerifyCustomer, SuspendCustomer, ReactivateCustomer, CloseCustomer
    wallets     OpenWallet, FreezeWallet, UnfreezeWallet, CloseWallet
    money       DepositFunds, WithdrawFunds, TransferFunds, MakePayment; many of them in a Batch

A command declares on its class what HTTP, the bus, the drivers of the features and the reference derive from it: see
`tekana.application.commands.command.Command`.
"""

from typing import TYPE_CHECKING, Any, Final, get_args

from tekana.application.commands import customers, money, wallets
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

if not TYPE_CHECKING:  # mypy reads a literal list only, and would have each command named here again
    __all__ = [*customers.__all__, *wallets.__all__, *money.__all__, "Batch", "BatchOutcome", "Command", "MoneyCommand"]

COMMANDS: Final[dict[str, type[Command[Any]]]] = {
    kind.NAME: kind for group in (AnyCustomerCommand, AnyWalletCommand, AnyMoneyCommand) for kind in get_args(group)
}
"""Every command by its stable name."""
