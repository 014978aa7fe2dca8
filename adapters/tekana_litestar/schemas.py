"""The schemas of bodies and answers: generated from their types, with what types cannot say added by field name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from tekana.application.commands.batch import BATCH_SIZE_MAX
from tekana.domain.events import EVENT_TYPES

Schema = dict[str, Any]

REF: Final = "#/components/schemas/{name}"

_BALANCE: Final = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1500"]}
_TIME: Final = {"format": "date-time"}

# By the name of the field, or by `Schema.field` where the same name means something else.
_FIELDS: Final[dict[str, Schema]] = {
    "amount": {
        "description": "How much, in major units of the currency: a decimal string without sign or exponent, with at "
        "most the currency's decimals.",
        "pattern": r"^[0-9]{1,16}(\.[0-9]{1,4})?$",
        "examples": ["1500", "12.50"],
    },
    "currency": {"description": "ISO 4217 code.", "pattern": "^[A-Z]{3}$", "examples": ["RWF"]},
    "ledger_balance": {"description": "What was posted, in major units.", **_BALANCE},
    "held": {"description": "What open holds reserve, in major units.", **_BALANCE},
    "available_balance": {"description": "What can be spent, in major units: posted less held.", **_BALANCE},
    "ledger_balance_after": {"description": "The ledger balance that the entry left behind.", **_BALANCE},
    "full_name": {"minLength": 1, "maxLength": 200},
    "email": {"format": "email"},
    "phone_number": {"description": "In E.164 form, or as people write it in the country given."},
    "country": {"description": "ISO 3166 code of two letters.", "pattern": "^[A-Z]{2}$"},
    "external_id": {"description": "Your own name for the customer.", "minLength": 1, "maxLength": 200},
    "name": {"minLength": 1, "maxLength": 100},
    "description": {"description": "For people to read.", "minLength": 1, "maxLength": 500},
    "reference": {"description": "Your own name for the movement.", "minLength": 1, "maxLength": 200},
    "reason": {"minLength": 1, "maxLength": 500},
    "tier": {"description": "What the identity checks established.", "pattern": "^[A-Za-z0-9_-]{1,32}$"},
    "metadata": {
        "description": "Names and plain values that you want to keep beside it: at most 50 names of 64 characters, "
        "texts of 500.",
        "maxProperties": 50,
        "propertyNames": {"minLength": 1, "maxLength": 64},
    },
    "effective_at": {"description": "The value date, where that is not the moment of posting.", **_TIME},
    "created_at": _TIME,
    "updated_at": _TIME,
    "posted_at": _TIME,
    "occurred_at": _TIME,
    "at": _TIME,
    "house": {"description": "The role of one of the operator's own wallets; null for a customer's."},
    "wallet_id": {"description": "The wallet."},
    "from_wallet_id": {"description": "The wallet that money leaves."},
    "to_wallet_id": {"description": "The wallet that money enters."},
    "Transaction.wallet_id": {"description": "The customer's wallet of a deposit or withdrawal; null for a transfer."},
    "rejection_code": {"description": "Why it was rejected, for programs; null if it was not."},
    "rejection_detail": {"description": "Why it was rejected, for people; null if it was not."},
    "Transaction.entries": {"description": "They sum to zero; a rejected transaction has none."},
    "Wallet.version": {"description": "How many entries the wallet has."},
    "Customer.version": {"description": "Counts the changes; also the `ETag`."},
    "Entry.version": {"description": "The entry's number in its wallet: 1, 2, 3 … without a gap."},
    "WalletEntry.version": {"description": "The entry's number in its wallet: 1, 2, 3 … without a gap."},
    "Batch.transactions": {"minItems": 1, "maxItems": BATCH_SIZE_MAX},
    "BatchResult.index": {"description": "The movement's place in the request, counted from 0."},
    "BatchResult.status": {
        "description": "201: done. 422: refused; the problem has the status that it would have alone.",
        "enum": [201, 422],
    },
    "BatchResult.transaction": {"description": "The posted transaction; only where it was done."},
    "BatchResult.problem": {"description": "Why it was refused; only where it was."},
    "failed_index": {"description": "Which movement kept an atomic batch from being done; null unless one did."},
    "Balance.version": {"description": "The version of the last entry posted by then; 0 if there is none."},
    "next_cursor": {"description": "Leads to the next page; null when there is nothing more now."},
    "Event.type": {"enum": list(EVENT_TYPES)},
    "Event.cursor": {"description": "The event's place in the feed: send it as `after`."},
    "Event.id": {"description": "The same each time the event is delivered."},
    "Event.data": {"description": "What belongs to this type of event. Amounts are decimal strings in major units."},
    "url": {"description": "An https:// URL without a user.", "format": "uri", "maxLength": 2000},
    "event_types": {"description": "The types of events that are delivered; null: all."},
    "secret": {"description": "What signs the deliveries. It is told once.", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"},
    "disabled_reason": {"description": "Why nothing is delivered; null while it is active."},
    "failing_since": {"description": "The first of its failures since the last success; null after one.", **_TIME},
    "ended_at": {"description": "When it was delivered or given up; null while it is pending.", **_TIME},
    "event_id": {"description": "The event's `id`, which is also the `webhook-id`."},
    "WebhookDelivery.event_type": {"description": "The event's `type`, or `WebhookTest`."},
    "endpoint_id": {"description": "The webhook endpoint."},
    "duration_ms": {"description": "How long it took, in milliseconds."},
    "status_code": {"description": "The HTTP status of the answer; null if there was none."},
    "answer": {"description": "The first KiB of the answer's body."},
    "error": {"description": "Why there was no answer; null if there was one."},
    "Problem.type": {"description": "`urn:tekana:problem:` and the code.", "format": "uri"},
    "code": {"description": "Stable: what programs should look at."},
    "detail": {"description": "For people to read. Its words may change."},
    "request_id": {"description": "What the request is called in our logs."},
    "errors": {"description": "What is wrong with the request, field by field."},
    "transaction_id": {"description": "The transaction."},
    "Problem.transaction_id": {"description": "The rejected transaction that keeps the attempt."},
}


def components(types: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """A reference to each type's schema, and all the schemas that they need, by name."""
    references, schemas = msgspec.json.schema_components(types, ref_template=REF)
    return list(references), {name: _completed(schema) for name, schema in schemas.items()}


def _completed(schema: Schema) -> Schema:
    name = schema["title"]
    if "description" in schema:
        # "Refused with: …" is for those who call the core; over HTTP, each status says it.
        schema["description"] = inspect.cleandoc(schema["description"]).partition("\n\nRefused with")[0]
    for field, own in schema.get("properties", {}).items():
        extra = dict(_FIELDS.get(f"{name}.{field}", _FIELDS.get(field, {})))
        if description := extra.pop("description", None):
            own["description"] = description
        target = _main_alternative(own)
        if "$ref" not in target:
            target.update(extra)
    done: Schema = _typed(schema)
    return done


def _main_alternative(schema: Schema) -> Schema:
    """The alternative of a nullable schema that is not null; else the schema itself."""
    others = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return others[0] if len(others) == 1 else schema


def _typed(schema: Any) -> Any:
    """msgspec leaves out the type of an enumeration: those of ours are text."""
    if isinstance(schema, list):
        return [_typed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    done = {name: _typed(value) for name, value in schema.items()}
    if "enum" in done and all(isinstance(one, str) for one in done["enum"]):
        return {"type": "string", **done}
    if done.get("enum") and None in done["enum"]:
        return {"type": ["string", "null"], **done}
    return done
