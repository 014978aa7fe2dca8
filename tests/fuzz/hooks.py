"""Hooks of schemathesis: requests are sent for things that exist, and leave the keys and wallets of the run usable."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
from typing import Any, Final
from uuid import UUID, uuid4

import schemathesis
from urllib3.util import SKIP_HEADER

from tests.fuzz.run import KEPT

_KEPT: Final[dict[str, list[str]]] = json.loads(os.environ[KEPT])
_ENDS: Final = re.compile(r"/(revoke|rotate|close|erase)$")
_PHONE_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_AMOUNT: Final = re.compile(r"[1-9][0-9]*(\.[0-9]+)?")
_CURRENCY: Final = re.compile("[A-Z]{3}")

_chance = random.Random(0)
_numbers = itertools.count(1)


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Replace ids in a path by those of things that exist, but leave malformed ones."""
    return _with_kept_ids(path_parameters)


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """Replace ids and phone numbers in a query by those of things that exist, but leave malformed ones."""
    return _with_kept_ids(query)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Replace ids, currencies and contacts in a body by usable ones, but leave malformed ones."""
    if not isinstance(body, dict):
        return body
    body = _with_kept_ids(body)
    if "full_name" in body and _is(_PHONE_NUMBER, body.get("phone_number")):
        body["phone_number"] = f"+25078{next(_numbers):07}"  # each customer has a number of their own
    if isinstance(body.get("transactions"), list):
        body["transactions"] = [_with_kept_ids(one) if isinstance(one, dict) else one for one in body["transactions"]]
    return body


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Send what would end a key, customer or wallet of the run for an unknown one.

    A header with the text by which urllib3 leaves one out is left out, as urllib3 refuses it for most names.
    """
    for name, value in dict(case.headers or {}).items():
        if value == SKIP_HEADER:
            del case.headers[name]
    parameters = case.path_parameters or {}
    for name, value in parameters.items():
        if value in _KEPT.get(name, ()) and _ENDS.search(case.path):
            parameters[name] = str(uuid4())


def _with_kept_ids(given: Any) -> Any:
    changed = dict(given or {})
    for name, value in changed.items():
        kind = "wallet_id" if name in ("from_wallet_id", "to_wallet_id") else name
        if kind in ("customer_id", "wallet_id") and _is_id(value):
            changed[name] = _chance.choice(_KEPT[kind])
        elif name in ("phone_number", "to_phone_number") and _is(_PHONE_NUMBER, value):
            changed[name] = _chance.choice(_KEPT["phone_number"])
        elif name == "amount" and _is(_AMOUNT, value):
            changed[name] = str(_chance.randint(1, 500))
        elif name == "currency" and _is(_CURRENCY, value):
            changed[name] = "RWF"
    return changed if given else given


def _is(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
