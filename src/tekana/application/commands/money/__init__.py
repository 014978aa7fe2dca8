"""Commands that move money. A new one needs a file, and its name here."""

from typing import Final, get_args

from tekana.application.commands.group import CommandGroup
from tekana.application.commands.money.adjust_balance import AdjustBalance
from tekana.application.commands.money.authorize_hold import AuthorizeHold
from tekana.application.commands.money.capture_hold import CaptureHold
from tekana.application.commands.money.change_hold import ChangeHold
from tekana.application.commands.money.deposit_funds import DepositFunds
from tekana.application.commands.money.exchange_funds import ExchangeFunds
from tekana.application.commands.money.make_payment import MakePayment
from tekana.application.commands.money.reverse_transaction import ReverseTransaction
from tekana.application.commands.money.transfer_funds import TransferFunds
from tekana.application.commands.money.void_hold import VoidHold
from tekana.application.commands.money.withdraw_funds import WithdrawFunds

AnyMoneyCommand = (
    DepositFunds | WithdrawFunds | TransferFunds | MakePayment | ExchangeFunds | AdjustBalance | AuthorizeHold
)
"""Any command that begins a movement of money, with its `type` as the tag."""

AnyFollowUp = CaptureHold | VoidHold | ChangeHold | ReverseTransaction
"""Any command about an earlier transaction, which it names."""

GROUP: Final = CommandGroup("transaction", "transaction", get_args(AnyMoneyCommand) + get_args(AnyFollowUp))

__all__ = [
    "AdjustBalance",
    "AnyMoneyCommand",
    "AuthorizeHold",
    "CaptureHold",
    "ChangeHold",
    "DepositFunds",
    "ExchangeFunds",
    "MakePayment",
    "ReverseTransaction",
    "TransferFunds",
    "VoidHold",
    "WithdrawFunds",
]
