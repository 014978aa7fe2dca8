"""Examples for the documentation: of what is returned, from what is said about its fields, and of each problem."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import inspect

from tekana import (
    ConcurrentUpdate,
    CurrencyMismatch,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    EventsDropped,
    FieldError,
    Forbidden,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidRequest,
    LimitExceeded,
    OutcomeNotFound,
    RolledBack,
    SameWallet,
    TekanaError,
    TransactionNotFound,
    Unavailable,
    WalletNotActive,
    WalletNotEmpty,
    WalletNotFound,
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
)
from tekana_litestar import fields
from tekana_litestar.bodies import BODY_BYTES_MAX, too_large
from tekana_litestar.problems import (
    HeadersTooLarge,
    IdempotencyKeyRequired,
    PreconditionRequired,
    RequestTooSlow,
    WrongContentType,
)
from tekana_litestar.protocol import limits


def example_of(kind: Any) -> dict[str, Any]:
    """Return an example of a Struct: each field that is always there, with its first example, null or first choice."""
    return {
        one.encode_name: _value(inspect.type_info(one.type)) for one in msgspec.structs.fields(kind) if one.required
    }


def _value(info: inspect.Type) -> Any:
    match info:
        case inspect.Metadata(extra_json_schema={"examples": [first, *_]}):
            return first
        case inspect.Metadata():
            return _value(info.type)
        case inspect.UnionType() if info.includes_none:
            return None
        case inspect.StructType():
            return example_of(info.cls)
        case inspect.VarTupleType():
            return [_value(info.item_type)]
        case inspect.LiteralType():
            # msgspec sorts the choices; a status begins with its best.
            return next((one for one in ("active", "posted") if one in info.values), info.values[0])
        case _:
            raise TypeError(f"no example of {info}")


_ERRORS: Final[dict[type[TekanaError], TekanaError]] = {
    type(error): error
    for error in (
        InvalidRequest(FieldError("currency", "'EURO' is not an ISO 4217 currency code such as USD")),
        RequestTooSlow(limits.LATE_BODY),
        HeadersTooLarge(limits.LARGE_HEAD),
        IdempotencyKeyRequired(FieldError("Idempotency-Key", "is missing: choose one for each movement of money")),
        Forbidden("this needs the scope wallets:read"),
        CustomerNotFound(f"no customer has the id {fields.CUSTOMER_ID}"),
        EventsDropped(),
        WalletNotFound(f"no wallet has the id {fields.WALLET_ID}"),
        TransactionNotFound(f"no transaction has the id {fields.TRANSACTION_ID}"),
        WebhookEndpointNotFound(f"no webhook endpoint has the id {fields.WEBHOOK_ENDPOINT_ID}"),
        WebhookDeliveryNotFound(f"no webhook delivery has the id {fields.WEBHOOK_DELIVERY_ID}"),
        OutcomeNotFound("nothing is stored under this idempotency key"),
        WebhookEndpointDisabled("the webhook endpoint is disabled (by its owner): enable it first"),
        CustomerExists("another customer has this email"),
        CustomerNotActive("the customer is suspended"),
        WalletNotActive(f"wallet {fields.WALLET_ID} is frozen: money can come in, not go out"),
        WalletNotEmpty(f"wallet {fields.WALLET_ID} still has money in it: move it out first"),
        ConcurrentUpdate("the customer is at version 4 now, not 3: read it again"),
        too_large(BODY_BYTES_MAX),
        WrongContentType(FieldError("Content-Type", "must be application/json, in UTF-8")),
        InsufficientFunds(f"wallet {fields.WALLET_ID} does not have that much available"),
        RolledBack("transactions[1] was refused, so nothing of the batch was done"),
        CurrencyMismatch(f"wallet {fields.WALLET_ID} holds RWF, not USD"),
        SameWallet("a wallet cannot pay itself"),
        LimitExceeded(f"wallet {fields.WALLET_ID} cannot hold that much"),
        IdempotencyKeyReused("this idempotency key was used before, for another request"),
        PreconditionRequired(FieldError("If-Match", "is missing: send the ETag that you read")),
        Unavailable("the store cannot be reached"),
    )
}
"""The error that stands in the example of a kind. Without one here, its docstring does."""


def example_error(kind: type[TekanaError]) -> TekanaError:
    """Return an error of this kind, as an example."""
    if kind in _ERRORS:
        return _ERRORS[kind]
    meaning = (kind.__doc__ or kind.__name__).split("\n\n")[0].rstrip(".")
    return kind(meaning[:1].lower() + meaning[1:])
