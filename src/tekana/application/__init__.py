"""What people can do: one file a verb. This is the table of contents.

    Customers     RegisterCustomer, UpdateCustomer, VerifyCustomer, SuspendCustomer, ReactivateCustomer, CloseCustomer
    Wallets       OpenWallet, FreezeWallet, UnfreezeWallet, CloseWallet
    Money         DepositFunds, WithdrawFunds, TransferFunds; many of them in a Batch

Webhooks, for those without a bus, are apart, as they move nothing: what their owners do is in `webhooks`, and the
`webhook_dispatcher` delivers them.

`tekana.Tekana` is the front door to all of them, and to the readers of `tekana.ports`. `posting_engine` takes them in
groups from the `waiting_line`, and has them decided as `deciding` says. It is one `engine`; a gateway has another,
which asks over the `bus`.
"""

from tekana.application.commands.batch import AnyMoneyCommand, Batch, BatchOutcome
from tekana.application.commands.command import Command, MoneyCommand
from tekana.application.commands.customers.close_customer import CloseCustomer
from tekana.application.commands.customers.reactivate_customer import ReactivateCustomer
from tekana.application.commands.customers.register_customer import RegisterCustomer
from tekana.application.commands.customers.suspend_customer import SuspendCustomer
from tekana.application.commands.customers.update_customer import UpdateCustomer
from tekana.application.commands.customers.verify_customer import VerifyCustomer
from tekana.application.commands.money.deposit_funds import DepositFunds
from tekana.application.commands.money.transfer_funds import TransferFunds
from tekana.application.commands.money.withdraw_funds import WithdrawFunds
from tekana.application.commands.wallets.close_wallet import CloseWallet
from tekana.application.commands.wallets.freeze_wallet import FreezeWallet
from tekana.application.commands.wallets.open_wallet import OpenWallet
from tekana.application.commands.wallets.unfreeze_wallet import UnfreezeWallet
from tekana.application.engine.posting_engine import PostingEngine
from tekana.application.tekana import LOCAL_OPERATOR, Tekana
from tekana.application.webhooks.webhooks import Webhooks

__all__ = [
    "LOCAL_OPERATOR",
    "AnyMoneyCommand",
    "Batch",
    "BatchOutcome",
    "CloseCustomer",
    "CloseWallet",
    "Command",
    "DepositFunds",
    "FreezeWallet",
    "MoneyCommand",
    "OpenWallet",
    "PostingEngine",
    "ReactivateCustomer",
    "RegisterCustomer",
    "SuspendCustomer",
    "Tekana",
    "TransferFunds",
    "UnfreezeWallet",
    "UpdateCustomer",
    "VerifyCustomer",
    "Webhooks",
    "WithdrawFunds",
]
