"""The cells of the matrix: each sends a request and compares the answer with the line of the table."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.access.callers import Subject, other_owners
from tests.access.driver import Answer, Driver, Sent
from tests.access.objects import Objects, Owner, absent
from tests.access.requests import Target, request_of
from tests.access.variants import FilteredTarget

UNKNOWN_FIELDS: Final = ("balance", "role", "owner_id")


@dataclass
class Report:
    """How many cells of each kind were compared, and which differ from the table."""

    cells: Counter[str] = field(default_factory=Counter)
    deviations: list[str] = field(default_factory=list)

    def compare(self, kind: str, cell: str, expected: object, found: object) -> None:
        """Count a cell, and note it if it is not as expected."""
        self.cells[kind] += 1
        if found != expected:
            self.deviations.append(f"{kind}: {cell}: expected {expected}, found {found}")


def outcome(answer: Answer) -> str:
    """Return the status and, of a problem, the code and whether its headers are right."""
    if answer.status < 400:
        return str(answer.status)
    if not answer.body:
        return str(answer.status)
    code = answer.json().get("code", "results")
    challenge = answer.headers.get("www-authenticate")
    return f"{answer.status} {code}" + (f" {challenge}" if challenge else "")


FORBIDDEN: Final = "403 forbidden"
BAD: Final = "400 invalid_request"


@dataclass
class Matrix:
    """Compares an app with the table.

    Attributes:
        driver: sends the requests.
        objects: makes the objects that they name.
        report: the result.
    """

    driver: Driver
    objects: Objects
    report: Report

    async def compare(self, target: Target, subject: Subject) -> None:
        """Compare the answers to a caller about their own objects, those of others, and what does not exist."""
        await self._compare_own(target, subject)
        if not target.names:
            return
        places: list[tuple[str, ...]] = [(one,) for one in target.names]
        if subject.has_all_tenants and target.line.others != "404 to all":
            places = [tuple(target.names)]  # all in one tenant
        for changed in places:
            await self._compare_others(target, subject, changed)

    async def _compare_own(self, target: Target, subject: Subject) -> None:
        may = subject.may(target.line)
        expected = target.success if may else FORBIDDEN
        names = await self._names(target, subject, fresh=may)
        await self._cell("own", target, subject, names, expected)

    async def _compare_others(self, target: Target, subject: Subject, changed: tuple[str, ...]) -> None:
        own = await self._names(target, subject, fresh=False)
        missing = own | {place: absent(target.names[place]) for place in changed}
        refused = target.refusal if subject.may_look(target.line) else FORBIDDEN
        expected = await self._cell(f"absent {'/'.join(changed)}", target, subject, missing, refused)
        for whose, tenant in other_owners(subject):
            owner = Owner(tenant, subject="someone else")
            reached = subject.may(target.line) and _is_reached(target, subject, whose, changed)
            make = self.objects.make if reached and not target.is_reading else self.objects.keep
            foreign = dict(own) if not reached else await self._names(target, subject, fresh=not target.is_reading)
            foreign = foreign | {place: await make(owner, target.names[place]) for place in changed}
            cell = f"{whose} {'/'.join(changed)}"
            if reached:
                foreign = self._consistent(foreign)
                await self._cell(cell, target, subject, foreign, target.success)
                continue
            found = await self._cell(cell, target, subject, foreign, refused)
            self._compare_bodies(f"{target.line.route} as {subject.name}, {cell}", expected, found)

    async def _names(self, target: Target, subject: Subject, *, fresh: bool) -> dict[str, str]:
        owner = Owner(subject.caller.tenant, subject.caller.customer_id, subject.caller.subject)
        make = self.objects.make if fresh and not target.is_reading else self.objects.keep
        own = {place: await make(owner, kind) for place, kind in target.names.items()}
        return self._consistent(own) | {"tenant": subject.caller.tenant}

    def _consistent(self, names: dict[str, str]) -> dict[str, str]:
        """Return the names with the customer of the identity, if one is named."""
        customer_id = self.objects.customer_of.get(names.get("identity_id", ""))
        return names if customer_id is None else {**names, "customer_id": customer_id}

    async def _cell(self, cell: str, target: Target, subject: Subject, names: dict[str, str], expected: str) -> Answer:
        sent = request_of(target, names).with_credential(subject.headers)
        answer = await self.driver.ask(sent)
        where = f"{target.line.route}{target.note} as {subject.name}, {cell}"
        self.report.compare("objects", where, expected, outcome(answer))
        if target.is_reading:
            head = await self.driver.ask(sent._replace(method="HEAD"))
            self.report.compare("objects", f"HEAD: {where}", (answer.status, b""), (head.status, head.body))
        return answer

    def _compare_bodies(self, where: str, expected: Answer, found: Answer) -> None:
        self.report.compare("same as absent", where, _comparable(expected), _comparable(found))

    async def compare_unknown_fields(self, target: Target, subject: Subject) -> None:
        """Compare the answers to fields and parameters that the route does not have."""
        names = await self._names(target, subject, fresh=False)
        sent = request_of(target, names).with_credential(subject.headers)
        for name in UNKNOWN_FIELDS:
            mark = "&" if "?" in sent.target else "?"
            changed = [sent._replace(target=f"{sent.target}{mark}{name}=1")]
            if sent.body is not None:
                changed += [sent._replace(body=body) for body in _with_field(sent.body, name)]
            for one in changed:
                answer = await self.driver.ask(one)
                found = outcome(answer), answer.status == 400 and _names_field(answer, name)
                where = f"{target.line.route} as {subject.name}, {name}"
                self.report.compare("unknown fields", where, (BAD, True), found)

    async def compare_list(self, target: Target, subject: Subject) -> None:
        """Compare what a list has: all of the caller's own, and nothing of others."""
        if not subject.may(target.line):
            return
        text, page = "", f"{target.line.path}?limit=200"
        if target.line.path.endswith(("/export", "/fee-schedules")):  # all in one answer, without a page
            text, page = (await self.driver.ask(Sent("GET", target.line.path, (subject.headers,)))).body.decode(), ""
        while page:
            answer = await self.driver.ask(Sent("GET", page, (subject.headers,)))
            text += answer.body.decode()
            cursor = answer.json()["next_cursor"]
            name = "after" if target.line.path == "/v1/events" else "cursor"
            page = cursor and f"{target.line.path}?limit=200&{name}={cursor}"
        for owner, name in self.objects.made:
            is_own = subject.has_all_tenants or owner.tenant == subject.caller.tenant
            if subject.caller.customer_id is not None:
                is_own = is_own and owner.customer_id == subject.caller.customer_id
            where = f"{target.line.route} as {subject.name}: an object of {owner.tenant}"
            if not is_own:
                self.report.compare("lists", where, False, name in text)
        self.report.compare(
            "lists", f"{target.line.route} as {subject.name}: own", True, "{" in text and '"items":[]' not in text
        )

    async def compare_filter(self, target: FilteredTarget, subject: Subject) -> None:
        """Compare the lists that are asked for by objects of one's own, of others, and by what does not exist."""
        if not subject.may(target.line):
            return

        async def items(value: str) -> Any:
            sent = Sent("GET", f"{target.line.path}?{target.query(value)}", (subject.headers,))
            return (await self.driver.ask(sent)).json()["items"]

        where = f"{target.line.route} as {subject.name}, by {target.parameter}"
        me = Owner(subject.caller.tenant, subject.caller.customer_id, subject.caller.subject)
        own = await items(await self.objects.keep(me, target.kind))
        self.report.compare("filters", f"{where}: own", True, own != [])
        self.report.compare("filters", f"{where}: absent", [], await items(absent(target.kind)))
        for whose, tenant in other_owners(subject):
            found = await items(await self.objects.keep(Owner(tenant, subject="someone else"), target.kind))
            self.report.compare("filters", f"{where}: {whose}", subject.has_all_tenants, found != [])


def _is_reached(target: Target, subject: Subject, whose: str, changed: tuple[str, ...]) -> bool:
    if subject.has_all_tenants:
        return target.line.others != "404 to all"
    payable = {"to_wallet_id", "to_phone_number", "?phone_number"}
    return whose == "another customer's" and set(changed) <= payable


def _comparable(answer: Answer) -> tuple[int, list[str], str]:
    """Return what is the same for foreign and absent objects: all but ids and phone numbers."""
    names = sorted(set(answer.headers) - {"date", "content-length"})
    return answer.status, names, re.sub(r"\+\d{8,}", "<phone>", answer.without_ids())


def _with_field(body: Any, name: str) -> list[Any]:
    """Return the body with a further field, and with one in each of its items."""
    items = body.get("transactions")
    changed = [body | {name: "1"}]
    if items:
        changed.append(body | {"transactions": [one | {name: "1"} for one in items]})
    return changed


def _names_field(answer: Answer, name: str) -> bool:
    return any(one["field"].endswith(name) for one in answer.json()["errors"])
