"""An example of each body, each answer and each problem, for the documentation. A test checks that they are true."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tekana import (
    Batch,
    ConcurrentUpdate,
    CurrencyMismatch,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    DepositFunds,
    EventsDropped,
    FieldError,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidRequest,
    LimitExceeded,
    OpenWallet,
    RegisterCustomer,
    RolledBack,
    SameWallet,
    TekanaError,
    TransactionNotFound,
    TransferFunds,
    Unavailable,
    WalletNotActive,
    WalletNotEmpty,
    WalletNotFound,
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
    WithdrawFunds,
)
from tekana_litestar import wire
from tekana_litestar.bodies import LARGEST_BODY, too_large
from tekana_litestar.problems import IdempotencyKeyRequired, PreconditionRequired, WrongContentType, problem
from tekana_litestar.webhook_examples import WEBHOOK_DELIVERY_ID, WEBHOOK_ENDPOINT_ID, WEBHOOK_EXAMPLES

Example = dict[str, Any]

REQUEST_ID: Final = "019a3c52-7f00-7000-8000-0000000000ff"
_CUSTOMER_ID: Final = "019a3c52-7f00-7000-8000-000000000001"
_WALLET_ID: Final = "019a3c52-7f00-7000-8000-000000000002"
_OTHER_WALLET_ID: Final = "019a3c52-7f00-7000-8000-000000000003"
_TRANSACTION_ID: Final = "019a3c52-7f00-7000-8000-000000000004"
_REJECTED_ID: Final = "019a3c52-7f00-7000-8000-000000000005"
_REGISTERED: Final = "2026-01-31T12:00:00Z"
_POSTED: Final = "2026-01-31T12:05:00.123456Z"

_WALLET: Final[Example] = {
    "id": _WALLET_ID,
    "customer_id": _CUSTOMER_ID,
    "house": None,
    "currency": "RWF",
    "name": None,
    "status": "active",
    "freeze_scope": None,
    "freeze_reason": None,
    "ledger_balance": "8500",
    "held": "0",
    "available_balance": "8500",
    "version": 2,
    "metadata": None,
    "created_at": _REGISTERED,
    "updated_at": _POSTED,
}
_CUSTOMER: Final[Example] = {
    "id": _CUSTOMER_ID,
    "full_name": "Aline Uwase",
    "email": "aline@example.com",
    "phone_number": "+250788123456",
    "country": "RW",
    "external_id": "crm-4711",
    "status": "active",
    "tier": None,
    "suspension_reason": None,
    "metadata": {"branch": "Kigali"},
    "version": 1,
    "wallets": [_WALLET],
    "created_at": _REGISTERED,
    "updated_at": _REGISTERED,
}
_DEBIT: Final[Example] = {
    "wallet_id": _WALLET_ID,
    "direction": "debit",
    "amount": "1500",
    "currency": "RWF",
    "version": 2,
    "ledger_balance_after": "8500",
}
_CREDIT: Final[Example] = {
    "wallet_id": _OTHER_WALLET_ID,
    "direction": "credit",
    "amount": "1500",
    "currency": "RWF",
    "version": 1,
    "ledger_balance_after": "1500",
}
_POSTED_TRANSACTION: Final[Example] = {
    "id": _TRANSACTION_ID,
    "type": "transfer",
    "status": "posted",
    "amount": "1500",
    "currency": "RWF",
    "description": "Lunch",
    "reference": "order-1001",
    "metadata": None,
    "wallet_id": None,
    "from_wallet_id": _WALLET_ID,
    "to_wallet_id": _OTHER_WALLET_ID,
    "entries": [_DEBIT, _CREDIT],
    "rejection_code": None,
    "rejection_detail": None,
    "created_at": _POSTED,
    "posted_at": _POSTED,
    "effective_at": _POSTED,
}
_REJECTED_TRANSACTION: Final[Example] = {
    **_POSTED_TRANSACTION,
    "id": _REJECTED_ID,
    "status": "rejected",
    "amount": "999999",
    "reference": "order-1002",
    "entries": [],
    "rejection_code": "insufficient_funds",
    "rejection_detail": f"wallet {_WALLET_ID} does not have that much available",
    "posted_at": None,
}
_HISTORY_LINE: Final[Example] = {
    **_DEBIT,
    "transaction_id": _TRANSACTION_ID,
    "type": "transfer",
    "description": "Lunch",
    "reference": "order-1001",
    "posted_at": _POSTED,
}
_EVENT: Final[Example] = {
    "cursor": "opaque-cursor",
    "id": f"{_TRANSACTION_ID}:1",
    "type": "FundsTransferred",
    "aggregate": "transaction",
    "aggregate_id": _TRANSACTION_ID,
    "sequence": 1,
    "occurred_at": _POSTED,
    "data": {
        "from_wallet_id": _WALLET_ID,
        "to_wallet_id": _OTHER_WALLET_ID,
        "amount": "1500",
        "currency": "RWF",
        "reference": "order-1001",
    },
}


def _page(*items: Example) -> Example:
    return {"items": list(items), "next_cursor": None}


_MOVED: Final = {"amount": "1500", "currency": "RWF"}
_TRANSFER: Final[Example] = {
    "type": "transfer",
    "from_wallet_id": _WALLET_ID,
    "to_wallet_id": _OTHER_WALLET_ID,
    **_MOVED,
    "description": "Lunch",
    "reference": "order-1001",
}

_RESULT_DONE: Final[Example] = {"index": 0, "status": 201, "transaction": _POSTED_TRANSACTION}
_DETAILS: Final[dict[type[TekanaError], str]] = {
    InsufficientFunds: f"wallet {_WALLET_ID} does not have that much available",
    RolledBack: "transactions[1] was refused, so nothing of the batch was done",
}


def _result_refused(kind: type[TekanaError], index: int = 1) -> Example:
    told = problem(kind.code, 422, _DETAILS[kind], REQUEST_ID, transaction_id=_REJECTED_ID)
    return {"index": index, "status": 422, "problem": msgspec.to_builtins(told)}


EXAMPLES: Final[dict[type, Example]] = {
    RegisterCustomer: {
        "full_name": "Aline Uwase",
        "email": "aline@example.com",
        "phone_number": "+250788123456",
        "country": "RW",
        "external_id": "crm-4711",
        "currency": "RWF",
        "metadata": {"branch": "Kigali"},
    },
    OpenWallet: {"customer_id": _CUSTOMER_ID, "currency": "USD", "name": "Savings"},
    DepositFunds: {"type": "deposit", "wallet_id": _WALLET_ID, "amount": "10000", "currency": "RWF"},
    WithdrawFunds: {"type": "withdrawal", "wallet_id": _WALLET_ID, **_MOVED, "reference": "atm-7"},
    TransferFunds: _TRANSFER,
    Batch: {
        "mode": "independent",
        "transactions": [_TRANSFER, {**_TRANSFER, "amount": "999999", "reference": "order-1002"}],
    },
    wire.CustomerChanges: {"email": "aline.uwase@example.com", "external_id": None},
    wire.Verification: {"tier": "full"},
    wire.Suspension: {"reason": "Reported stolen phone"},
    wire.Freeze: {"scope": "debits", "reason": "Disputed payment"},
    wire.Nothing: {},
    wire.Customer: _CUSTOMER,
    wire.CustomerPage: _page(_CUSTOMER),
    wire.Wallet: _WALLET,
    wire.WalletPage: _page(_WALLET),
    wire.EntryPage: _page(_HISTORY_LINE),
    wire.Transaction: _POSTED_TRANSACTION,
    wire.TransactionPage: _page(_REJECTED_TRANSACTION, _POSTED_TRANSACTION),
    wire.BatchResults: {"results": [_RESULT_DONE, _result_refused(InsufficientFunds)], "failed_index": None},
    wire.Balance: {
        "wallet_id": _WALLET_ID,
        "at": _POSTED,
        "currency": "RWF",
        "ledger_balance": "8500",
        "version": 2,
    },
    wire.EventPage: _page(_EVENT),
    **WEBHOOK_EXAMPLES,
    wire.Alive: {"status": "alive"},
    wire.Ready: {"status": "ready"},
}

BATCH_EXAMPLES: Final[dict[int, Example]] = {
    201: {"results": [_RESULT_DONE], "failed_index": None},
    207: EXAMPLES[wire.BatchResults],
    422: {"results": [_result_refused(RolledBack, 0), _result_refused(InsufficientFunds)], "failed_index": 1},
}
"""What a batch leads to, by the status of the answer."""

ERRORS: Final[dict[type[TekanaError], TekanaError]] = {
    type(error): error
    for error in (
        InvalidRequest(FieldError("currency", "'EURO' is not an ISO 4217 currency code such as USD")),
        IdempotencyKeyRequired(FieldError("Idempotency-Key", "is missing: choose one for each movement of money")),
        CustomerNotFound(f"no customer has the id {_CUSTOMER_ID}"),
        EventsDropped(),
        WalletNotFound(f"no wallet has the id {_WALLET_ID}"),
        TransactionNotFound(f"no transaction has the id {_TRANSACTION_ID}"),
        WebhookEndpointNotFound(f"no webhook endpoint has the id {WEBHOOK_ENDPOINT_ID}"),
        WebhookDeliveryNotFound(f"no webhook delivery has the id {WEBHOOK_DELIVERY_ID}"),
        WebhookEndpointDisabled("the webhook endpoint is disabled (by its owner): enable it first"),
        CustomerExists("another customer has this email"),
        CustomerNotActive("the customer is suspended"),
        WalletNotActive(f"wallet {_WALLET_ID} is frozen: money can come in, not go out"),
        WalletNotEmpty(f"wallet {_WALLET_ID} still has money in it: move it out first"),
        ConcurrentUpdate("the customer is at version 4 now, not 3: read it again"),
        too_large(LARGEST_BODY),
        WrongContentType(FieldError("Content-Type", "must be application/json, in UTF-8")),
        InsufficientFunds(_DETAILS[InsufficientFunds]),
        CurrencyMismatch(f"wallet {_WALLET_ID} holds RWF, not USD"),
        SameWallet("a wallet cannot pay itself"),
        LimitExceeded(f"wallet {_WALLET_ID} cannot hold that much"),
        IdempotencyKeyReused("this idempotency key was used before, for another request"),
        PreconditionRequired(FieldError("If-Match", "is missing: send the ETag that you read")),
        Unavailable("the store cannot be reached"),
    )
}
"""One error of each kind that an operation may list."""
