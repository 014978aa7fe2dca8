"""The page docs/reference/access.md: who may do what over HTTP, from the lines of docs/access.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tekana.domain.caller import PART_OF, ROLES, SCOPES

TABLE: Final = Path(__file__).parent / "access.txt"
PUBLIC: Final = "public"
EVERYONE: Final = "everyone"
NOTHING: Final = "-"
ASKED: Final = "asked"

HEAD: Final = """\
# Access

Who may do what over HTTP, written from [`docs/access.txt`](../access.txt) by `uv run nox -s reference`. A test compares
each line with the app: each route and method, without a credential and with each kind of broken one, as each role and
with each single scope, for objects of one's own, of others, and for what does not exist. A route without a line fails
that test.

- [Answers](#answers) · [Roles](#roles) · [Routes](#routes)

## Answers

| Case | Answer |
|---|---|
| no credential, or one that is not valid, also where no route is | 401 `unauthenticated`, the same for every reason |
| the caller has neither the scope nor the wider one | 403 `forbidden` |
| an object of others | as if it did not exist: the status in the table, and the same body but for ids |
| a field or parameter that there is not, such as `balance`, `role` or `owner_id` | 400 `invalid_request` |
| a method that the path does not have | 405, with `Allow` |
| several of these, or something else is wrong with the request | 401 before 403, and 403 before everything else |

Objects of others are those of another tenant for partners and for operators without `tenants:all`, and those of every
other customer for customers. Where the scope depends on the body, as with types of transactions, a caller with none
of them gets 403 before the body is read, and any other caller after it. To callers with `tenants:all` every object is
their own, except where the table says "to all". A transfer or payment may go to any customer of the caller's tenant.
"""


class Line(NamedTuple):
    """A line of the table.

    Attributes:
        method: the HTTP method; HEAD is as GET.
        path: the path, with names in braces.
        variant: the type of money command; empty for any other route.
        scope: the scope that a caller needs; `-` for public routes.
        also: a further scope that they need, or `asked` for that of what an approval is about; empty for none.
        roles: the roles that have it.
        others: what objects of others give.
    """

    method: str
    path: str
    variant: str
    scope: str
    also: str
    roles: tuple[str, ...]
    others: str

    @property
    def is_public(self) -> bool:
        """Whether the route needs no credential."""
        return self.scope == NOTHING

    @property
    def route(self) -> str:
        """The method, the path and the variant, as in the table."""
        return f"{self.method} {self.path} {self.variant}".rstrip()


def lines() -> list[Line]:
    """Return the lines of the table."""
    rows = [line for line in TABLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [_line(row) for row in rows[1:]]


def _line(row: str) -> Line:
    route, scopes, roles, others = re.split(r"  +", row)
    scope, *also = scopes.split(" and ")
    method, path, *variant = route.split(" ")
    if (scope == NOTHING) != (roles == PUBLIC) or (scope != NOTHING and scope not in SCOPES):
        raise ValueError(f"not a scope: {row}")
    names = tuple(ROLES) if roles == EVERYONE else () if roles == PUBLIC else tuple(roles.split(" "))
    if not set(names) <= set(ROLES):
        raise ValueError(f"not a role: {row}")
    return Line(method, path, " ".join(variant), scope, "".join(also), names, others)


def page() -> str:
    """Return the text of the page."""
    return "\n".join((HEAD, *_roles(), *_routes()))


def _roles() -> Iterator[str]:
    yield "## Roles\n"
    yield "| Scope | Part of | " + " | ".join(ROLES) + " |"
    yield "|---|---|" + "---|" * len(ROLES)
    for scope in sorted(SCOPES):
        has = ["yes" if scope in ROLES[role] or PART_OF.get(scope) in ROLES[role] else "" for role in ROLES]
        wider = f"`{PART_OF[scope]}`" if scope in PART_OF else ""
        yield f"| `{scope}` | {wider} | " + " | ".join(has) + " |"
    yield ""


def _routes() -> Iterator[str]:
    yield "## Routes\n"
    yield "| Route | Scope | Roles | Objects of others |"
    yield "|---|---|---|---|"
    for line in lines():
        variant = f", `{line.variant}`" if line.variant else ""
        scope = "public" if line.is_public else f"`{line.scope}`"
        if line.also:
            scope += " and that of what was asked for" if line.also == ASKED else f" and `{line.also}`"
        roles = "" if line.is_public else EVERYONE if set(line.roles) == set(ROLES) else ", ".join(line.roles)
        others = "" if line.others == NOTHING else line.others
        yield f"| `{line.method} {line.path}`{variant} | {scope} | {roles} | {others} |"
    yield ""
