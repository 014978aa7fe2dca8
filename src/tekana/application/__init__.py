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

from tekana.application.batch import Batch, BatchDone, Movement
from tekana.application.close_customer import CloseCustomer
from tekana.application.close_wallet import CloseWallet
from tekana.application.command import Command, MoneyCommand
from tekana.application.deposit_funds import DepositFunds
from tekana.application.freeze_wallet import FreezeWallet
from tekana.application.open_wallet import OpenWallet
from tekana.application.posting_engine import PostingEngine
from tekana.application.reactivate_customer import ReactivateCustomer
from tekana.application.register_customer import RegisterCustomer
from tekana.application.suspend_customer import SuspendCustomer
from tekana.application.tekana import LOCAL_OPERATOR, Tekana
from tekana.application.transfer_funds import TransferFunds
from tekana.application.unfreeze_wallet import UnfreezeWallet
from tekana.application.update_customer import UpdateCustomer
from tekana.application.verify_customer import VerifyCustomer
from tekana.application.webhooks import Webhooks
from tekana.application.withdraw_funds import WithdrawFunds

__all__ = [
    "LOCAL_OPERATOR",
    "Batch",
    "BatchDone",
    "CloseCustomer",
    "CloseWallet",
    "Command",
    "DepositFunds",
    "FreezeWallet",
    "MoneyCommand",
    "Movement",
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
