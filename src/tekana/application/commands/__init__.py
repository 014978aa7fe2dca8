"""The commands. This is the table of contents.

    customers   RegisterCustomer, UpdateCustomer, VerifyCustomer, SuspendCustomer, ReactivateCustomer, CloseCustomer
    wallets     OpenWallet, FreezeWallet, UnfreezeWallet, CloseWallet
    money       DepositFunds, WithdrawFunds, TransferFunds, MakePayment; a Batch of these

HTTP, the bus, the feature drivers and the reference are derived from the class attributes of commands: see
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

if not TYPE_CHECKING:  # mypy accepts only a literal list, which would repeat the name of each command
    __all__ = [*customers.__all__, *wallets.__all__, *money.__all__, "Batch", "BatchOutcome", "Command", "MoneyCommand"]

COMMANDS: Final[dict[str, type[Command[Any]]]] = {
    kind.NAME: kind for group in (AnyCustomerCommand, AnyWalletCommand, AnyMoneyCommand) for kind in get_args(group)
}
"""Every command by its stable name."""
