"""What several resources say about a field: its description, its pattern and its example.

A response names one of these in `Annotated`. A command is plain data, so `of_command` finds what is said about its
fields by their names.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from msgspec import Meta

from tekana.domain.hold_state import EXPIRES_IN_MAX
from tekana.domain.limits import LIMIT_NAMES, TIERS, is_count
from tekana.domain.usage import direction_of, window_of

CUSTOMER_ID: Final = "0198d2a0-0000-7000-8000-000000000001"
WALLET_ID: Final = "0198d2a0-0000-7000-8000-000000000002"
OTHER_WALLET_ID: Final = "0198d2a0-0000-7000-8000-000000000004"
TRANSACTION_ID: Final = "0198d2a0-0000-7000-8000-000000000003"
REJECTED_ID: Final = "0198d2a0-0000-7000-8000-000000000005"
WEBHOOK_ENDPOINT_ID: Final = "0198d2a0-0000-7000-8000-000000000006"
WEBHOOK_DELIVERY_ID: Final = "0198d2a0-0000-7000-8000-000000000007"
API_KEY_ID: Final = "0198d2a0-0000-7000-8000-000000000009"
APPROVAL_ID: Final = "0198d2a0-0000-7000-8000-00000000000a"
AUDIT_ENTRY_ID: Final = "0198d2a0-0000-7000-8000-00000000000b"
OTHER_ID: Final = "0198d2a0-0000-7000-8000-000000000008"
PATH_EXAMPLES: Final = defaultdict(
    lambda: OTHER_ID,
    {
        "customer_id": CUSTOMER_ID,
        "wallet_id": WALLET_ID,
        "transaction_id": TRANSACTION_ID,
        "webhook_endpoint_id": WEBHOOK_ENDPOINT_ID,
        "webhook_delivery_id": WEBHOOK_DELIVERY_ID,
        "api_key_id": API_KEY_ID,
        "approval_id": APPROVAL_ID,
        "tier": "1",
        "currency": "RWF",
        "base": "USD",
        "quote": "RWF",
    },
)
"""The examples of what paths name. Any other identifier has OTHER_ID."""

_CODE: Final = {"pattern": "^[A-Z]{3}$"}
PATH_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "tier": {"enum": list(TIERS)},
    **dict.fromkeys(("currency", "base", "quote"), _CODE),
}
"""What is said about parameters of paths that are no identifiers, as JSON Schema."""

REQUEST_ID: Final = "0198d2a0-0000-7000-8000-0000000000ff"
REGISTERED_AT: Final = "2026-01-31T12:00:00Z"
POSTED_AT: Final = "2026-01-31T12:05:00.123456Z"


def meta(description: str | None = None, example: Any = None, **schema: Any) -> Meta:
    """What the documentation says about a field. `schema` is documented, not checked: the core checks its input.

    Args:
        description: one sentence.
        example: the value in the documented example; without one, null, or what the type says.
        schema: keywords of JSON Schema.
    """
    examples = None if example is None else [example]
    return Meta(description=description, examples=examples, extra_json_schema=schema or None)


def time(description: str | None = None, example: str = REGISTERED_AT) -> Meta:
    """What is said about a time."""
    return meta(description, example, format="date-time")


def balance(description: str, example: str = "8500") -> Meta:
    """What is said about a balance, which may be negative for the operator's own wallets."""
    return meta(description, example, pattern=r"^-?[0-9]+(\.[0-9]+)?$")


AMOUNT: Final = Meta(
    description="How much, in major units of the currency: a decimal string without sign or exponent, with at most the "
    "currency's decimals.",
    examples=["1500", "12.50"],
    extra_json_schema={"pattern": r"^[0-9]{1,16}(\.[0-9]{1,4})?$"},
)
CURRENCY: Final = meta("ISO 4217 code.", "RWF", pattern="^[A-Z]{3}$")
FULL_NAME: Final = meta(None, "Aline Uwase", minLength=1, maxLength=200)
EMAIL: Final = meta(None, "aline@example.com", format="email")
PHONE_NUMBER: Final = meta("In E.164 form, or as people write it in the country given.", "+250788123456")
COUNTRY: Final = meta("ISO 3166 code of two letters.", "RW", pattern="^[A-Z]{2}$")
EXTERNAL_ID: Final = meta("Your own name for the customer.", "crm-4711", minLength=1, maxLength=200)
METADATA: Final = meta(
    "Names and plain values that you want to keep beside it: at most 50 names of 64 characters, texts of 500.",
    maxProperties=50,
    propertyNames={"minLength": 1, "maxLength": 64},
)
TIER: Final = meta("What the identity checks established, from `0` to `3`.", pattern="^[A-Za-z0-9_-]{1,32}$")
DIRECTION: Final = meta("`credit` adds the amount to the wallet, `debit` takes it out.", "credit")
ADJUSTMENT: Final = {
    "type": "adjustment",
    "amount": "500",
    "currency": "RWF",
    "wallet_id": WALLET_ID,
    "direction": "credit",
    "reason": "A fee was taken twice",
}
UNTIL: Final = time("When the limits of the tier are in force again.", "2099-12-31T22:00:00Z")
UNTIL_EXAMPLE: Final = "2099-12-31T22:00:00Z"
VALID_UNTIL: Final = time("When it expires; left out or null, it applies until it is replaced.", UNTIL_EXAMPLE)
BASE: Final = meta("ISO 4217 code of the currency whose unit has the prices.", "USD", pattern="^[A-Z]{3}$")
QUOTE: Final = meta("ISO 4217 code of the currency that the prices are in.", "RWF", pattern="^[A-Z]{3}$")
_PRICE: Final = r"^[0-9]{1,10}(\.[0-9]{1,10})?$"
BID: Final = meta("What the operator pays for one unit of the base: at most the ask.", "1310", pattern=_PRICE)
ASK: Final = meta("What the operator takes for one unit of the base.", "1320", pattern=_PRICE)
CHARGED_TYPE: Final = meta("The type of transaction that it is for.", "payment")
TRANSACTION_TYPE: Final = CHARGED_TYPE
PAID_BY: Final = meta("`payer` or `payee`: who pays the fee and the tax, beside the amount.", "payee")
PERCENTAGE: Final = meta("With at most 4 decimals.", "1.5", pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$")
BANDS: Final = meta("The fee by amount, in the order of amounts.")
_FEE: Final = r"^[0-9]{1,16}(\.[0-9]{1,4})?$"
MINIMUM: Final = meta("The least fee, in major units.", "50", pattern=_FEE)
MAXIMUM: Final = meta("The largest fee, in major units.", "5000", pattern=_FEE)
TAX_PERCENTAGE: Final = meta("The tax, as a percentage of the fee, beside it.", "18")
SHARES: Final = meta("What of each fee goes into merchants' wallets of the tenant: at most all of it.")
VALID_FROM: Final = time("Since when it applies; left out, since now.", "2099-01-01T00:00:00Z")
AT: Final = time("When it ends; left out, now.", "2099-06-30T22:00:00Z")
TAX: Final = balance("The tax on the fee, beside it.", "9")
FEE_CURRENCY: Final = meta("The ISO 4217 code of both.", "RWF")
FEE_PAID_BY: Final = meta("`payer` or `payee`: whose wallet both leave.", "payer")
RECEIVED_AMOUNT: Final = balance("What an exchange puts into the other wallet.", "10.00")
RECEIVED_CURRENCY: Final = meta("Its ISO 4217 code.", "USD")
PRICE: Final = meta("Of one unit of the base of the rate: the bid or the ask of an exchange.", "1320")
KEEP_FEES: Final = meta("Whether the operator keeps the fee. Otherwise it is given back in proportion.", False)
REASON: Final = meta(None, None, minLength=1, maxLength=500)
WALLET_NAME: Final = meta(None, None, minLength=1, maxLength=100)
DESCRIPTION: Final = meta("For people to read.", "Lunch", minLength=1, maxLength=500)
REFERENCE: Final = meta("Your own name for the movement.", "order-1001", minLength=1, maxLength=200)
QUOTE_ID: Final = meta("A quote of this very movement, whose fee and rate it has.", format="uuid")
EFFECTIVE_AT: Final = time("The value date, where that is not the moment of posting.", POSTED_AT)

ENTRY_VERSION: Final = meta("The entry's number in its wallet: 1, 2, 3 … without a gap.", 2)
BALANCE_AFTER: Final = balance("The ledger balance that the entry left behind.")

EXPIRES_IN: Final = meta("For how many seconds a hold is open, from now on.", 86400, minimum=1, maximum=EXPIRES_IN_MAX)
HOLD_REST: Final = meta(
    "Whether, if the receiver does not have that much any more, what they have is held for the payer; the answer is "
    "the hold then.",
    True,
)
FINAL: Final = meta("Whether what is left is released. Otherwise it stays held.", False)

IDEMPOTENCY_KEY: Final = meta(
    "Only what was decided under this idempotency key of yours: a transaction, or those of a batch.",
    "a-new-key",
    minLength=1,
    maxLength=255,
)
METADATA_FILTER: Final = meta(
    "Only where the metadata has this value under this name, in the form `metadata[name]=value`; repeat it for others. "
    "Numbers and booleans are compared as JSON has them.",
    maxProperties=50,
)
ORDER: Final = meta("`asc`: the oldest first; `desc`: the newest.")

THE_CUSTOMER: Final = meta(None, CUSTOMER_ID)
THE_WALLET: Final = meta("The wallet.", WALLET_ID)
FROM_WALLET: Final = meta("The wallet that money leaves.", WALLET_ID)
TO_WALLET: Final = meta("The wallet that money enters.", OTHER_WALLET_ID)
TO_PHONE_NUMBER: Final = meta(
    "The payee's phone number, instead of `to_wallet_id`: money enters their oldest active wallet in the currency.",
    "+250788123456",
)


def _limit(name: str) -> Meta:
    """What is said about a limit."""
    if is_count(name):
        _, direction, _ = name.split("_")
        return meta(f"The most {direction} transactions in a {_WINDOWS[window_of(name)]}.", 50, minimum=1)
    words = {
        "largest_transaction": "The most that one transaction moves.",
        "largest_balance": "The most that is in all of the customer's wallets in the currency, once money came in.",
    }
    description = (
        words.get(name) or f"The most that {_DIRECTIONS[direction_of(name)]} in a {_WINDOWS[window_of(name)]}."
    )
    return meta(description, "2000000", pattern=r"^[0-9]{1,16}(\.[0-9]{1,4})?$")


_WINDOWS: Final = {"daily": "day", "weekly": "week", "monthly": "month"}
_DIRECTIONS: Final = {"outgoing": "goes out", "incoming": "comes in"}
LIMITS: Final = {name: _limit(name) for name in LIMIT_NAMES}
"""What is said about each limit."""

_OF_COMMANDS: Final = {name.lower(): one for name, one in vars().items() if isinstance(one, Meta)} | {
    "name": WALLET_NAME,
    "wallet_id": THE_WALLET,
    "from_wallet_id": FROM_WALLET,
    "to_wallet_id": TO_WALLET,
    "to_phone_number": TO_PHONE_NUMBER,
    **LIMITS,
}


def of_command(field: str) -> dict[str, Any]:
    """Return what is said about a command's field of this name, as JSON Schema."""
    said = _OF_COMMANDS.get(field, Meta())
    words = {"description": said.description, "examples": said.examples}
    return {name: value for name, value in words.items() if value} | (said.extra_json_schema or {})
