"""The callers of the matrix: each role, each scope alone, and all scopes but one; with valid credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from docs.access import ASKED, Line
from tekana import LOCAL_OPERATOR, SCOPES, KeyProperties, Scope, Tekana, create_api_key
from tekana.domain.caller import PART_OF, ROLES, Caller, customer_caller
from tekana.domain.identifiers import CustomerId

NORTH, SOUTH = "north", "south"
"""Two partners' tenants."""

OF_APPROVALS: Final = "transactions:adjust"
"""The scope of what the approvals of the matrix are about."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A caller with a credential.

    Attributes:
        name: for reports.
        caller: what the credential stands for.
        token: the credential.
        role: the role; None for a caller with other scopes.
    """

    name: str
    caller: Caller
    token: str
    role: str | None = None

    @property
    def headers(self) -> tuple[str, str]:
        """The header with the credential."""
        return "authorization", f"Bearer {self.token}"

    @property
    def has_all_tenants(self) -> bool:
        """Whether every object is the caller's own."""
        return "tenants:all" in self.caller.scopes

    def may(self, line: Line) -> bool:
        """Return whether the caller may use a route: a role by the line's roles, any other by the line's scope."""
        if self.role is not None:
            return self.role in line.roles
        also = OF_APPROVALS if line.also == ASKED else line.also
        return self._has(line.scope) and (not also or self._has(also))

    def may_look(self, line: Line) -> bool:
        """Return whether the caller may see whether an object exists."""
        return self.may(line) or (self.role is None and line.also == ASKED and self._has(line.scope))

    def _has(self, scope: str) -> bool:
        wider = [wide for narrow, wide in PART_OF.items() if narrow == scope]
        return not self.caller.scopes.isdisjoint([scope, *wider])


async def with_key(tekana: Tekana, name: str, properties: KeyProperties, role: str | None = None) -> Subject:
    """Create an API key, and return who has it."""
    issued = await create_api_key(tekana.as_caller(LOCAL_OPERATOR), properties)
    assert issued.text is not None
    key = issued.key
    return Subject(name, Caller(key.tenant, key.subject, frozenset(key.scopes), key.kind), issued.text, role)


async def of_roles(tekana: Tekana, customer_id: CustomerId) -> list[Subject]:
    """Return a caller of each role: the operators of the main tenant, the others of the tenant north."""
    found = []
    for role, scopes in ROLES.items():
        if role == "customer":
            token = await tekana.sign_in.tokens.issue(NORTH, customer_id)
            found.append(Subject(role, customer_caller(NORTH, customer_id), token, role))
        elif role == "partner":
            found.append(await with_key(tekana, role, KeyProperties(role, "partner", tuple(scopes), NORTH), role))
        else:
            found.append(await with_key(tekana, role, KeyProperties(role, "operator", tuple(scopes)), role))
    return found


async def of_single_scopes(tekana: Tekana) -> list[Subject]:
    """Return a partner and an operator with each scope, and no other."""
    found = []
    for scope in sorted(SCOPES):
        found.append(await with_key(tekana, f"partner: {scope}", KeyProperties(scope, "partner", (scope,), NORTH)))
        found.append(await with_key(tekana, f"operator: {scope}", KeyProperties(scope, "operator", (scope,))))
    return found


async def without_each_scope(tekana: Tekana) -> dict[Scope, Subject]:
    """Return a partner without each scope, and without the wider one, but with all others."""
    found = {}
    for scope in sorted(SCOPES):
        scopes = tuple(SCOPES - {scope, PART_OF.get(scope)} - {"tenants:all"})
        name = f"partner: all but {scope}"
        found[scope] = await with_key(tekana, name, KeyProperties("All but one", "partner", scopes, NORTH))
    return found


def foreign_tenant(subject: Subject) -> str:
    """Return a tenant that is not the caller's."""
    return SOUTH if subject.caller.tenant == NORTH else NORTH


def other_owners(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield the tenants of others' objects, each with a name; for a customer, also their own tenant."""
    yield "another tenant's", foreign_tenant(subject)
    if subject.caller.customer_id is not None:
        yield "another customer's", subject.caller.tenant
