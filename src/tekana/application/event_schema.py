"""JSON Schemas of the `data` of each type of event: over HTTP, and as the value of a message on the bus."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, Final, Literal, NewType, get_args, get_origin, get_type_hints
from uuid import UUID

from tekana.application.event_payload import AMOUNTS, OWN_FIELDS
from tekana.domain.events import EVENT_TYPES
from tekana.domain.money import Currency

_MEANINGS: Final = {
    "amount": "How much, in major units, with all the decimals of the currency.",
    "changed": "The names of the fields that changed; never what they hold.",
    "country": "ISO 3166-1 alpha-2 code of the country that the customer gave.",
    "currency": "ISO 4217 code.",
    "customer_id": "Whose wallet it is.",
    "from_wallet_id": "The wallet that the money leaves. A deposit comes from the operator's settlement wallet.",
    "ledger_balance_after": "What was in the wallet then, in major units. An operator's wallet may be below zero.",
    "reference": "The caller's own text, as it came.",
    "rejection_code": "Why it was refused: a code as in problems over HTTP.",
    "scope": "`debits`: no money leaves the wallet; `all`: none enters either.",
    "tier": "To what degree the customer is known.",
    "to_wallet_id": "The wallet that the money enters. A withdrawal goes to the operator's settlement wallet.",
    "transaction_id": "The transaction that the entry belongs to.",
    "transaction_type": "The type of the transaction, as at `POST /v1/transactions`. More of them come.",
    "version": "Numbers the entries of the wallet: 1, 2, 3 … without a gap.",
}


def event_meaning(name: str) -> str:
    """Return the description of a type of event: the docstring of its class."""
    return re.sub(r"\s+", " ", EVENT_TYPES[name].__doc__ or "").strip()


def event_data_schema(name: str) -> dict[str, Any]:
    """Return the schema of the data of a type of event. Additional fields are allowed."""
    kind = EVENT_TYPES[name]
    hints = get_type_hints(kind)
    optional = {one.name for one in fields(kind) if one.default is not MISSING or one.default_factory is not MISSING}
    return {
        "description": event_meaning(name),
        "type": "object",
        "properties": {one: _field_schema(one, hints[one]) for one in OWN_FIELDS[name]},
        "required": [one for one in OWN_FIELDS[name] if one not in optional],
    }


def _field_schema(name: str, hint: Any) -> dict[str, Any]:
    if name in AMOUNTS:
        sign = "-?" if name == "ledger_balance_after" else ""
        return {"description": _MEANINGS[name], "type": "string", "pattern": rf"^{sign}[0-9]+(\.[0-9]+)?$"}
    return {"description": _MEANINGS[name], **_type_schema(hint)}


def _type_schema(hint: Any) -> dict[str, Any]:
    if hint is Currency:
        return {"type": "string", "pattern": "^[A-Z]{3}$"}
    if isinstance(hint, NewType):
        return _type_schema(hint.__supertype__)
    if get_origin(hint) is Literal:
        return {"type": "string", "examples": list(get_args(hint))}
    if isinstance(hint, UnionType):
        [one] = [part for part in get_args(hint) if part is not NoneType]
        schema = _type_schema(one)
        return {**schema, "type": [schema["type"], "null"]}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _type_schema(get_args(hint)[0])}
    plain: dict[Any, dict[str, Any]] = {
        UUID: {"type": "string", "format": "uuid"},
        str: {"type": "string"},
        int: {"type": "integer"},
    }
    return dict(plain[hint])
