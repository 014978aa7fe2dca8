"""Values of the fields of commands: those that each command needs, and those that a field refuses."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec

from tekana import (
    CaptureHold,
    ChangeHold,
    CreateApiKey,
    MakePayment,
    NewFeeBand,
    NewFeeShare,
    RegisterCustomer,
    ReverseTransaction,
    SetLimits,
    TransferFunds,
    UpdateCustomer,
    VoidHold,
)
from tekana.application.commands import COMMANDS
from tekana.domain.limits import LIMIT_NAMES, is_count
from tekana.testing import builders

ID = builders.wallet().id
CUSTOMER = builders.customer().id

FIELDS: dict[type[Any], dict[str, msgspec.inspect.Field]] = {
    kind: {field.name: field for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[union-attr]
    for kind in COMMANDS.values()
}
"""The fields of every command."""


def good(kind: Any) -> dict[str, Any]:
    """Return the fields that a command requires, from its example; the whole example, if it requires none."""
    given = {**dict.fromkeys(kind.IDS, ID), **kind.EXAMPLE}
    given.pop("type", None)
    needed = {name for name in given if FIELDS[kind][name].required} | set(kind.IDS)
    return given if needed == set(kind.IDS) else {name: given[name] for name in needed}


GOOD: dict[Any, dict[str, Any]] = {kind: good(kind) for kind in FIELDS}

NO_TEXT = ["", " ", "\t\n", "a\x00b", "\ud800", "x" * 501, 5, True]
NO_LINE = [*NO_TEXT, "a\nb", "a\x1b[0mb", "a\u2028b", "a\u202eb", "a\u200eb", "a\u2066b", "a\u200bb", "a\ufeffb"]
NO_LINE += ["a\u00adb", "\u200c", "\u200d\u200c", "\u3164", "\u2800 \u115f", "\ufe0f", " \u200d "]
NO_NAME = [*NO_LINE, "\u00a0", "\u3000\u2003", "\u00a0\u200c"]
SPACES = ["a\u00a0b", "a\u3000b", "a\u2003b"]
NO_METADATA = [
    {"": 1},
    {" ": 1},
    {"a\x00": 1},
    {"x" * 65: 1},
    {"a": "b\x00"},
    {"a": "\udfff"},
    {"a": "x" * 501},
    {"a": 2**53},
    {"a": -(2**53)},
    {"a": float("nan")},
    {"a": float("inf")},
    {"a": [1]},
    {"a": {"b": 1}},
    {"a": b"x"},
    {"a": Decimal("0.1000000000000000055")},
    {str(n): n for n in range(51)},
    5,
    ["a"],
]
NO_EMAIL = [
    "",
    "a",
    "a@",
    "@b.com",
    "a@b",
    "a@@b.com",
    "a b@c.com",
    "a@b..com",
    "a\x00@b.com",
    "a@b.com\n",
    5,
    "\ud800@b.com",
]
NO_EMAIL += ["a@" + "b" * 250 + ".com", "Aline <aline@example.com>"]
NO_PHONE = [
    "",
    "12",
    "+",
    "+250",
    "phone",
    "+2507881",
    "+2507881234567890",
    "+250788123456 ext. 5",
    250788123456,
]
NO_PHONE += ["\ud800", "+999788123456", "+445550", "+1 5550123", "+49 110\u200e", "+39\u00a0113", "\u202a\u202c"]
NO_URL = [*NO_LINE, "example.com", "ftp://example.com", "https://", "https://a@example.com", "https://example.com/#a"]
NO_URL += [
    "https://example.com:0/",
    "https://example.com:65536/",
    "https://[::1",
    "https://ex\u00e4mple.com",
    "x" * 2001,
]
NO_EVENT_TYPES = [[], ["Unknown"], ["WalletOpened", "WalletOpened"], "WalletOpened", 5, [5], [["WalletOpened"]], {}]
NO_COUNTRY = ["", "rw", "RWA", "XX", "AC", "TA", "EU", "UK", "Rwanda", 5, ["RW"], "R\x00"]
NO_AMOUNT = [
    "",
    "0",
    "-1",
    "+1",
    "1e2",
    "NaN",
    "Infinity",
    "1.5",
    "1,000",
    " 1",
    "1 ",
    "١",
    str(2**63),
    10,
    1.5,
    None,
    True,
]
NO_FEE = [one for one in NO_AMOUNT if one not in ("0", None)]
NO_LIMIT = [one for one in NO_AMOUNT if one is not None]
NO_CURRENCY = ["", "rwf", "XXX", "XAU", "RWFF", 5]
NO_PRICE = ["", "0", "-1", "+1", "1e2", "NaN", "1,000", " 1", "1 ", "\u0661", "0.00000000001", "1" * 11, 10, 1.5, True]
NO_TIME = [
    "",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-02-30T12:00:00Z",
    5,
    True,
    "\ud800",
    "9999-01-01T00:00:00Z",
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
]
NO_ID = ["", "x", "0198d2a0-0000-7000-8000-00000000000", 5, b"x", [ID]]
REFUSED_VALUES: dict[str, list[Any]] = {
    "full_name": [*NO_NAME, "x" * 201],
    "email": NO_EMAIL,
    "phone_number": NO_PHONE,
    "to_phone_number": NO_PHONE,
    "country": NO_COUNTRY,
    "external_id": [*NO_LINE, *SPACES, "x" * 201],
    "tier": ["", " ", "a b", "x" * 33, "é", "a\n", 5],
    "name": [*NO_NAME, "x" * 101],
    "direction": ["", "debits", "CREDIT", 5, ["credit"]],
    "scope": ["", "credits", "ALL"],
    "reason": NO_TEXT,
    "amount": NO_AMOUNT,
    "currency": NO_CURRENCY,
    "description": NO_TEXT,
    "reference": [*NO_LINE, *SPACES, "x" * 201],
    "metadata": NO_METADATA,
    "effective_at": NO_TIME,
    "url": NO_URL,
    "event_types": NO_EVENT_TYPES,
    "status": ["", "deleted", "paused", 5, ["active"]],
    "kind": ["", "customer", "Partner", 5, ["partner"]],
    "scopes": [[], ["wallets"], ["wallets:read", "all"], "wallets:read", 5, [5], [["wallets:read"]], {}],
    "tenant": ["", "A", "a b", "-a", "x" * 65, "\u00e9", "a\n", 5, ["a"]],
    "secret_digest": ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 63 + "\n", 5],
    "expires_at": NO_TIME,
    "expires_in": [0, -1, 30 * 24 * 3600 + 1, 1.5, "60", True, []],
    "until": NO_TIME,
    "base": NO_CURRENCY,
    "quote": NO_CURRENCY,
    "bid": NO_PRICE,
    "ask": NO_PRICE,
    "transaction_type": ["", "hold", "adjustment", "reversal", "Transfer", 5, ["transfer"]],
    "paid_by": ["", "Payer", "operator", 5, ["payer"]],
    "bands": [(), 5, [5], "x", (NewFeeBand(flat="-1"),), (NewFeeBand(percentage="101"),), (NewFeeBand(up_to="5"),)],
    "shares": [5, "x", [5], (NewFeeShare(wallet_id=ID, percentage="0"),)],
    "minimum": NO_FEE,
    "maximum": NO_FEE,
    "tax_percentage": ["", "-1", "101", "1.00001", "1e2", 5],
    "valid_from": NO_TIME,
    "valid_until": NO_TIME,
    "at": NO_TIME,
    "quote_id": NO_ID,
    "movement": [5, "transfer"],
    **{name: [0, -1, "1", 1.5, True, 1_000_000_001] if is_count(name) else NO_LIMIT for name in LIMIT_NAMES},
}
"""What a field of this name refuses, in any command. A field whose type has no null refuses that as well."""

REFUSED_BY_ONE: dict[tuple[type[Any], str], list[Any]] = {
    (RegisterCustomer, "phone_number"): ["0788123456"],
    (SetLimits, "tier"): ["4", "full"],
    (TransferFunds, "to_phone_number"): ["0788123456"],
    (MakePayment, "to_phone_number"): ["0788123456"],
}
"""What a field of one command refuses besides."""

ACCEPTED_BY_ONE: dict[tuple[type[Any], str], list[Any]] = {
    (CaptureHold, "amount"): ["1.5", None],
    (ChangeHold, "amount"): ["1.5", None],
    (VoidHold, "reason"): [None],
    (ReverseTransaction, "amount"): ["1.5", None],
    (ReverseTransaction, "reason"): [None],
}
"""What a field of one command accepts: whether a currency has the decimals is known with the earlier one."""

UNCHECKED = {
    (UpdateCustomer, "expected_version"),
    (CreateApiKey, "acts_as_creator"),
    (CaptureHold, "final"),
    (ReverseTransaction, "hold_rest"),
    (ReverseTransaction, "keep_fees"),
}
"""Fields whose type alone is checked, by decoders."""


def has_null(kind: Any, name: str) -> bool:
    info: Any = FIELDS[kind][name].type
    return isinstance(info, msgspec.inspect.AnyType) or getattr(info, "includes_none", False)


def refused_values(kind: Any, name: str) -> list[Any]:
    values = NO_ID if name in kind.IDS else REFUSED_VALUES[name]
    accepted = ACCEPTED_BY_ONE.get((kind, name), [])
    values = [one for one in [*values, *REFUSED_BY_ONE.get((kind, name), [])] if one not in accepted]
    return [*values, *([] if has_null(kind, name) else [None])]


BAD: dict[Any, dict[str, list[Any]]] = {
    kind: {name: refused_values(kind, name) for name in fields if (kind, name) not in UNCHECKED}
    for kind, fields in FIELDS.items()
}
