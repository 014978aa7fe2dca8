"""Examples for the documentation: of what is returned, from what is said about its fields, and of each problem."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import inspect

import tekana
from tekana_litestar import fields
from tekana_litestar.bodies import BODY_BYTES_MAX, too_large
from tekana_litestar.problems import (
    HeadersTooLarge,
    IdempotencyKeyRequired,
    PreconditionRequired,
    RateLimited,
    RequestTooSlow,
    WrongContentType,
)
from tekana_litestar.protocol import limits
from tekana_litestar.quotas import Quota


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


_REACHED: Final = tekana.ReachedLimit(
    "daily_outgoing_amount", tekana.Currency("RWF"), 2_000_000, 1_500, datetime(2026, 1, 31, 22, tzinfo=UTC)
)
_ERRORS: Final[dict[type[tekana.TekanaError], tekana.TekanaError]] = {
    type(error): error
    for error in (
        tekana.InvalidRequest(tekana.FieldError("currency", "'EURO' is not an ISO 4217 currency code such as USD")),
        RequestTooSlow(limits.LATE_BODY),
        HeadersTooLarge(limits.LARGE_HEAD),
        IdempotencyKeyRequired(
            tekana.FieldError("Idempotency-Key", "is missing: choose one for each movement of money")
        ),
        tekana.Forbidden("this needs the scope wallets:read"),
        tekana.CustomerNotFound(f"no customer has the id {fields.CUSTOMER_ID}"),
        tekana.EventsDropped(),
        tekana.WalletNotFound(f"no wallet has the id {fields.WALLET_ID}"),
        tekana.TransactionNotFound(f"no transaction has the id {fields.TRANSACTION_ID}"),
        tekana.WebhookEndpointNotFound(f"no webhook endpoint has the id {fields.WEBHOOK_ENDPOINT_ID}"),
        tekana.WebhookDeliveryNotFound(f"no webhook delivery has the id {fields.WEBHOOK_DELIVERY_ID}"),
        tekana.IdentityNotFound(f"the customer has no identity with the id {fields.OTHER_ID}"),
        tekana.IdentityExists("this subject of the issuer is linked with another customer"),
        tekana.ApprovalNotFound(f"no approval has the id {fields.APPROVAL_ID}"),
        tekana.ApprovalDecided("the approval was decided before: it is rejected"),
        tekana.ApprovalExpired(f"the approval expired at {fields.POSTED_AT}"),
        tekana.OwnApproval("you asked for this yourself: a second person has to decide on it"),
        tekana.WalletKindForbidden("a customer cannot open a merchant wallet"),
        tekana.ApproverForbidden("this needs the scope transactions:adjust"),
        tekana.OutcomeNotFound("nothing is stored under this idempotency key"),
        tekana.WebhookEndpointDisabled("the webhook endpoint is disabled (by its owner): enable it first"),
        tekana.CustomerExists("another customer has this email"),
        tekana.CustomerNotActive("the customer is suspended"),
        tekana.CustomerNotErasable("the customer's data have to be kept until 2031-11-29"),
        tekana.WalletNotActive(f"wallet {fields.WALLET_ID} is frozen: money can come in, not go out"),
        tekana.WalletNotEmpty(f"wallet {fields.WALLET_ID} still has money in it: move it out first"),
        tekana.HoldNotOpen("the hold is voided"),
        tekana.CaptureExceedsHold("1800 RWF of the hold is left"),
        tekana.ConcurrentUpdate("the customer is at version 4 now, not 3: read it again"),
        too_large(BODY_BYTES_MAX),
        WrongContentType(tekana.FieldError("Content-Type", "must be application/json, in UTF-8")),
        tekana.InsufficientFunds(f"wallet {fields.WALLET_ID} does not have that much available"),
        tekana.RolledBack("transactions[1] was refused, so nothing of the batch was done"),
        tekana.CurrencyMismatch(f"wallet {fields.WALLET_ID} holds RWF, not USD"),
        tekana.PayeeNotMerchant(f"wallet {fields.OTHER_WALLET_ID} is a personal one: a payment goes to a merchant's"),
        tekana.SameWallet("a wallet cannot pay itself"),
        tekana.LimitExceeded(str(_REACHED), _REACHED),
        tekana.NotReversible("a reversal cannot be reversed"),
        tekana.ReversalExceedsOriginal("0 RWF of the transaction is left to be reversed"),
        tekana.RateUnavailable("there is no rate of RWF and USD now"),
        tekana.AmountTooSmall("13 RWF is less than the smallest amount of USD at the rate of USD/RWF"),
        tekana.InverseRateExists("there is a rate of USD/RWF: set that one, which gives both directions"),
        tekana.QuoteNotFound(f"no quote has the id {fields.OTHER_ID}"),
        tekana.QuoteUsed(f"the quote was used by transaction {fields.TRANSACTION_ID}"),
        tekana.QuoteExpired(f"the quote expired at {fields.POSTED_AT}"),
        tekana.QuoteMismatch("the quote is for another movement: its type, wallets and amount have to be the same"),
        tekana.FeeScheduleNotFound(f"no fee schedule has the id {fields.OTHER_ID}"),
        tekana.FeeScheduleOverlaps(f"schedule {fields.OTHER_ID} is for the same at that time: end it first"),
        tekana.FeeScheduleEnded(f"the fee schedule ended at {fields.POSTED_AT}"),
        tekana.FeeExceedsAmount("the fee of the payee, with tax, is more than 40 RWF"),
        tekana.RateNotFound("there is no rate of EUR/RWF"),
        tekana.IdempotencyKeyReused("this idempotency key was used before, for another request"),
        RateLimited(Quota("recipients", 30, 60, remaining=0, reset_seconds=42)),
        PreconditionRequired(tekana.FieldError("If-Match", "is missing: send the ETag that you read")),
        tekana.Unavailable("the store cannot be reached"),
    )
}
"""The error that stands in the example of a kind. Without one here, its docstring does."""


def example_error(kind: type[tekana.TekanaError]) -> tekana.TekanaError:
    """Return an error of this kind, as an example."""
    if kind in _ERRORS:
        return _ERRORS[kind]
    if issubclass(kind, tekana.Unauthenticated):  # its message never says more
        return kind()
    meaning = (kind.__doc__ or kind.__name__).split("\n\n")[0].rstrip(".")
    return kind(meaning[:1].lower() + meaning[1:])
