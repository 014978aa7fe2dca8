"""The request of each line of the table: that of the route's documented example, with ids of objects that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from docs.access import Line
from tekana import Batch
from tekana.application.commands import MONEY_COMMANDS
from tekana.testing import builders
from tekana_litestar.fields import PATH_EXAMPLES, PATH_SCHEMAS
from tekana_litestar.operation import Operation
from tests.access.driver import Sent
from tests.access.objects import EXCHANGED, HOOK, WALLETS

_numbers = count(1)

CHANGED: Final[Mapping[str, dict[str, Any]]] = {
    "POST /v1/api-keys": {"scopes": ["keys:write"], "tenant": None},  # no caller can give scopes that they do not have
    "POST /v1/webhook-endpoints": HOOK,
}
"""What differs from the example in a route's body."""

STATUSES: Final = {"POST /v1/transactions adjustment": 202}
"""Statuses of success that are not the first one of the route: adjustments need an approval here."""

REFUSED: Final = {"POST /v1/batches adjustment": "400 invalid_request"}
"""What is refused to every caller who may use the route, whatever the objects: an approval in a batch."""

UNFIT: Final = {"POST /v1/customers/{customer_id}/erase": "409 customer_not_erasable"}
"""What is refused of the objects that are made here: the erasure of a customer who is not closed."""

_HOLD: Final = "/v1/transactions/{transaction_id}"
KINDS: Final = {
    ("PATCH", _HOLD): "hold_id",
    ("POST", f"{_HOLD}/capture"): "hold_id",
    ("POST", f"{_HOLD}/void"): "hold_id",
}
"""The kind of the object that the path of a route names, where that is not in its name."""

TEXTS: Final = {name: PATH_EXAMPLES[name] for name in PATH_SCHEMAS}
"""What paths name that is no object."""

IDS: Final = re.compile(
    r"(?:^|_)(?:customer|wallet|transaction|webhook_endpoint|webhook_delivery|api_key|approval|fee_schedule)_id$"
)


@dataclass(frozen=True)
class Target:
    """A line of the table, with what the app has for it.

    Attributes:
        line: the line.
        operation: the operation of the route; None for a route that is no operation.
        names: the kind of the object that each place of the request names, by the place.
        is_dry_run: whether nothing is to be done.
    """

    line: Line
    operation: Operation | None
    names: Mapping[str, str] = field(default_factory=dict)
    is_dry_run: bool = False

    @property
    def status(self) -> int:
        """The status of success."""
        if self.is_dry_run or self.operation is None:
            return 200
        return STATUSES.get(self.line.route, self.operation.returns[0].status)

    @property
    def success(self) -> str:
        """The outcome of a request about one's own objects."""
        return REFUSED.get(self.line.route) or UNFIT.get(self.line.route, str(self.status))

    @property
    def refusal(self) -> str:
        """The outcome of a request about what does not exist."""
        absent = "422 results" if self.line.others == "422" else f"{self.line.others[:3]} not_found"
        return REFUSED.get(self.line.route, absent)

    @property
    def note(self) -> str:
        """What differs from the line's own request, for reports."""
        return " (dry run)" if self.is_dry_run else " (by phone)" if "to_phone_number" in self.names else ""

    @property
    def is_reading(self) -> bool:
        """Whether it changes nothing."""
        return self.line.method == "GET"


def routes_of(app: Litestar) -> dict[tuple[str, str], HTTPRouteHandler]:
    """Return the handlers of an app by method and path; those of HEAD and OPTIONS are left out."""
    return {
        (method, re.sub(r":\w+}", "}", route.path)): handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"})
    }


def variants_of(handler: HTTPRouteHandler) -> tuple[str, ...]:
    """Return the variants of a route: the types of money commands that it takes; a single empty one for any other."""
    operation = handler.opt.get("operation")
    if not isinstance(operation, Operation) or operation.body is None:
        return ("",)
    if operation.body.kinds == (Batch,):
        return tuple(MONEY_COMMANDS)
    return tuple(operation.body.examples()) if len(operation.body.kinds) > 1 else ("",)


def target_of(line: Line, handler: HTTPRouteHandler) -> Target:
    """Return the target of a line."""
    operation = handler.opt.get("operation")
    if not isinstance(operation, Operation):
        return Target(line, None)
    names = {name: KINDS.get((line.method, line.path), name) for name in re.findall(r"{(\w+_id)}", line.path)}
    for name in _fields(_example(line, operation)):
        names[name] = EXCHANGED.get((line.variant, name)) or WALLETS.get(name, name)
    for name in set(_required(operation)) - TEXTS.keys():
        names[f"?{name}"] = name
    return Target(line, operation, names)


def request_of(target: Target, names: Mapping[str, str]) -> Sent:
    """Return the request that names these objects, in these places."""
    line, operation = target.line, target.operation
    path = re.sub(r"{(\w+)}", lambda found: names.get(found[1], TEXTS.get(found[1], "page.js")), line.path)
    parameters = [f"{place[1:]}={quote(value, safe='')}" for place, value in names.items() if place[0] == "?"]
    parameters += [f"{name}={TEXTS[name]}" for name in _required(operation) if name in TEXTS]
    query = "&".join([*parameters, "dry_run=true"] if target.is_dry_run else parameters)
    headers: list[tuple[str, str]] = []
    if operation and operation.key == "required":
        headers.append(("idempotency-key", f"cell-{next(_numbers)}"))
    if operation and operation.if_match:
        headers.append(("if-match", "*"))
    body = None
    if operation and operation.body is not None:
        body = _with_names(_example(line, operation), names)
        if "to_phone_number" in names:
            _name_payee(body, names["to_phone_number"])
    return Sent(line.method, f"{path}?{query}" if query else path, tuple(headers), body)


def _example(line: Line, operation: Operation) -> Any:
    if operation.body is None:
        return None
    if operation.body.kinds == (Batch,):
        return {
            "mode": "independent",
            "transactions": [dict(MONEY_COMMANDS[line.variant].EXAMPLE) | {"type": line.variant}],
        }
    examples = operation.body.examples()
    example = examples[line.variant] if line.variant else next(iter(examples.values()))
    if "full_name" in example:
        person = msgspec.to_builtins(builders.person())
        example = example | {name: person[name] for name in ("email", "phone_number")} | {"external_id": None}
    elif "email" in example:
        example = example | {"email": f"changed{next(_numbers)}@example.com"}
    elif "subject" in example:
        example = example | {"subject": f"subject-{next(_numbers)}"}
    elif "transaction_type" in example:
        begin = datetime(2200, 1, 1, tzinfo=UTC) + timedelta(days=next(_numbers))  # two for the same would overlap
        end = begin + timedelta(hours=1)
        example = example | {"valid_from": begin.isoformat(), "valid_until": end.isoformat()}
    return example | CHANGED.get(line.route, {})


def _fields(example: Any) -> Iterator[str]:
    """Yield the names of the fields of a body that name objects."""
    if isinstance(example, list):
        for one in example:
            yield from _fields(one)
    elif isinstance(example, dict):
        for name, value in example.items():
            if IDS.search(name):
                yield name
            else:
                yield from _fields(value)


def _with_names(example: Any, names: Mapping[str, str]) -> Any:
    if isinstance(example, list):
        return [_with_names(one, names) for one in example]
    if isinstance(example, dict):
        return {name: names[name] if name in names else _with_names(value, names) for name, value in example.items()}
    return example


def _name_payee(body: Any, phone_number: str) -> None:
    """Name the payee of each movement by phone number."""
    for one in body.get("transactions", [body]):
        del one["to_wallet_id"]
        one["to_phone_number"] = phone_number


def _required(operation: Operation | None) -> list[str]:
    """Return the parameters without which a request is refused."""
    if operation is None or operation.query is None:
        return []
    return [one.encode_name for one in msgspec.structs.fields(operation.query) if one.required]
