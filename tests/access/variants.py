"""Further requests of lines: dry runs, payees by phone number, and lists by the objects that parameters name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from docs.access import Line
from tekana_litestar.operation import Operation
from tests.access.objects import WALLETS
from tests.access.requests import IDS, Target

FILTERS: Final = {
    "GET /v1/customers phone_number": "own_phone_number",
    "GET /v1/events aggregate_id": "wallet_id",
    "GET /v1/transactions wallet_id": "funded_wallet_id",
    "GET /v1/transactions customer_id": "paying_customer_id",
}
"""The kinds of objects that parameters name, where they are not those that they are called after."""


def variants(target: Target) -> Iterator[Target]:
    """Yield the target, and its variants."""
    yield target
    operation = target.operation
    if operation and operation.query and "dry_run" in operation.query.__struct_fields__:
        yield replace(target, is_dry_run=True)
    if target.names.get("to_wallet_id") == WALLETS["to_wallet_id"]:
        others = {place: kind for place, kind in target.names.items() if place != "to_wallet_id"}
        yield replace(target, names=others | {"to_phone_number": "phone_number"})


@dataclass(frozen=True)
class FilteredTarget:
    """A list, asked for by an object.

    Attributes:
        line: the line of the list.
        parameter: the parameter that names the object.
        kind: the kind of the object.
    """

    line: Line
    parameter: str
    kind: str

    def query(self, value: str) -> str:
        """Return the query that names an object."""
        return f"{self.parameter}={value.replace('+', '%2B')}"


def filters_of(line: Line, operation: Operation) -> Iterator[FilteredTarget]:
    """Yield a target for each parameter of a list that names an object."""
    if operation.query is None:
        return
    for one in msgspec.structs.fields(operation.query):
        name = one.encode_name
        kind = FILTERS.get(f"{line.route} {name}") or (name if IDS.search(name) else None)
        if kind is not None:
            yield FilteredTarget(line, name, kind)
