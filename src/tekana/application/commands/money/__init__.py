"""Commands that move money. A new one needs a file, and its name here."""

from typing import Final, get_args

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.money.adjust_balance import AdjustBalance
from tekana.application.commands.money.deposit_funds import DepositFunds
from tekana.application.commands.money.make_payment import MakePayment
from tekana.application.commands.money.transfer_funds import TransferFunds
from tekana.application.commands.money.withdraw_funds import WithdrawFunds

AnyMoneyCommand = DepositFunds | WithdrawFunds | TransferFunds | MakePayment | AdjustBalance
"""Any command that moves money, with its `type` as the tag."""

GROUP: Final = CommandGroup("transaction", "transaction", get_args(AnyMoneyCommand))

__all__ = ["AdjustBalance", "AnyMoneyCommand", "DepositFunds", "MakePayment", "TransferFunds", "WithdrawFunds"]
