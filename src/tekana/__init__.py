"""The public face: an e-wallet back-end in which no money is lost and none is counted twice.

    async with tekana.connect("memory://") as app:
        customer, wallets = await app.execute(RegisterCustomer(full_name=..., email=..., phone_number=...))
        await app.execute(DepositFunds(wallet_id=wallets[0].id, amount="1500", currency="RWF"), key="a-key-of-yours")

Everything public is here; `tekana.ports` is for those who write an adapter, `tekana.testing` for those who test one.
"""

from tekana.application import (
    LOCAL_OPERATOR,
    Batch,
    BatchDone,
    CloseCustomer,
    CloseWallet,
    Command,
    DepositFunds,
    FreezeWallet,
    Movement,
    OpenWallet,
    PostingEngine,
    ReactivateCustomer,
    RegisterCustomer,
    SuspendCustomer,
    Tekana,
    TransferFunds,
    UnfreezeWallet,
    UpdateCustomer,
    VerifyCustomer,
    WithdrawFunds,
)
from tekana.bootstrap import MissingAdapter, Settings, connect
from tekana.domain.book import CustomerWithWallets
from tekana.domain.customer import Customer
from tekana.domain.errors import (
    ConcurrentUpdate,
    Conflict,
    CurrencyMismatch,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    FieldError,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    Overloaded,
    Refused,
    RolledBack,
    RuleRefused,
    SameWallet,
    StateConflict,
    TekanaError,
    TransactionNotFound,
    Unavailable,
    WalletNotActive,
    WalletNotEmpty,
    WalletNotFound,
)
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId, house_wallet_id
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import Entry, PostedEntry, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import BalanceAt, WalletFilter

__all__ = [
    "LOCAL_OPERATOR",
    "BalanceAt",
    "Batch",
    "BatchDone",
    "CloseCustomer",
    "CloseWallet",
    "Command",
    "ConcurrentUpdate",
    "Conflict",
    "Currency",
    "CurrencyMismatch",
    "Customer",
    "CustomerExists",
    "CustomerFilter",
    "CustomerId",
    "CustomerNotActive",
    "CustomerNotFound",
    "CustomerWithWallets",
    "DepositFunds",
    "Entry",
    "FieldError",
    "FreezeWallet",
    "IdempotencyKeyReused",
    "InsufficientFunds",
    "InvalidRequest",
    "LimitExceeded",
    "MissingAdapter",
    "Money",
    "Movement",
    "NotFound",
    "OpenWallet",
    "Overloaded",
    "Page",
    "PageRequest",
    "PostedEntry",
    "PostingEngine",
    "ReactivateCustomer",
    "Refused",
    "RegisterCustomer",
    "RolledBack",
    "RuleRefused",
    "SameWallet",
    "Settings",
    "StateConflict",
    "SuspendCustomer",
    "Tekana",
    "TekanaError",
    "Transaction",
    "TransactionFilter",
    "TransactionId",
    "TransactionNotFound",
    "TransferFunds",
    "Unavailable",
    "UnfreezeWallet",
    "UpdateCustomer",
    "VerifyCustomer",
    "Wallet",
    "WalletFilter",
    "WalletId",
    "WalletNotActive",
    "WalletNotEmpty",
    "WalletNotFound",
    "WithdrawFunds",
    "connect",
    "house_wallet_id",
]
