"""The app does what the table of access says: every route and method, credential, role, scope and object."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final
from uuid import UUID

import pytest
from litestar import Litestar

from docs.access import lines
from tekana import LOCAL_OPERATOR, SCOPES, Caller, KeyProperties, SetRate, Settings, Tekana, TekanaError
from tekana.application.authentication import Authenticator
from tekana.domain.identifiers import CustomerId
from tekana.testing import builders
from tekana_litestar import create_app
from tekana_litestar.problems import CHALLENGE
from tests.access import callers
from tests.access.callers import NORTH, Subject
from tests.access.credentials import Headers, broken_credentials
from tests.access.driver import AsgiDriver, Driver, Sent, SocketDriver
from tests.access.matrix import Matrix, Report
from tests.access.objects import Objects, Owner
from tests.access.requests import Target, routes_of, target_of, variants_of
from tests.access.variants import filters_of, variants
from tests.integration.http_support import UNKNOWN_ID, assert_whole, both_stores, started_app
from tests.integration.raw_http import connected, listening

__all__ = ["both_stores"]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
LINES: Final = {(line.method, line.path, line.variant): line for line in lines()}


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Iterator[Report]:
    """Return a report, whose cells are counted in the summary of the run; fail for every deviation."""
    made = Report()
    yield made
    record_property("cells of the access matrix", made.cells.total())
    record_property("deviations from it", len(made.deviations))
    assert made.cells.total()
    assert made.deviations == [], "\n".join([f"{len(made.deviations)} deviations", *made.deviations[:40]])


@pytest.fixture
async def app(both_stores: str) -> AsyncIterator[Litestar]:
    """Start an app over each store; after the test, check that the ledger is whole."""
    async with started_app(create_app(settings(both_stores))) as made:
        await set_terms(made.state.tekana)
        yield made
        await assert_whole(made.state.tekana)


@pytest.fixture
async def memory_app() -> AsyncIterator[Litestar]:
    """Start an app over a store in memory."""
    async with started_app(create_app(settings("memory://"))) as made:
        await set_terms(made.state.tekana)
        yield made
        await assert_whole(made.state.tekana)


async def set_terms(tekana: Tekana) -> None:
    """Set what requests of the table need: no limits, and a rate."""
    operator = tekana.as_caller(LOCAL_OPERATOR)
    await operator.execute(builders.no_limits())
    await operator.execute(SetRate(**SetRate.EXAMPLE))


def settings(url: str) -> Settings:
    """Return the settings of an app that may send webhooks to this machine, and where adjustments need an approval."""
    return Settings(database_url=url, webhooks_allow_private=True, approvals="AdjustBalance")


def targets_of(app: Litestar) -> list[Target]:
    """Return the target of each line that needs a scope."""
    routes = routes_of(app)
    return [target_of(line, routes[line.method, line.path]) for line in LINES.values() if not line.is_public]


async def all_subjects(tekana: Tekana) -> list[Subject]:
    """Return a caller of each role, and callers with each single scope."""
    person = await Objects(tekana).make(Owner(NORTH), "customer_id")
    customer_id = CustomerId(UUID(person))
    return [*await callers.of_roles(tekana, customer_id), *await callers.of_single_scopes(tekana)]


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    found = {
        (method, path, variant)
        for (method, path), handler in routes_of(create_app("memory://")).items()
        for variant in variants_of(handler)
    }
    assert found == set(LINES)


async def test_broken_credentials_have_one_same_answer(memory_app: Litestar, report: Report) -> None:
    broken = await broken_credentials(memory_app.state.tekana)
    await compare_credentials(AsgiDriver(memory_app), broken, report)


async def compare_credentials(
    driver: Driver, broken: Mapping[str, Headers], report: Report, only: Collection[str] | None = None
) -> None:
    """Compare the answers of every path, or only of some, and every method to each broken credential."""
    first: str | None = None
    public = {(line.method, line.path) for line in LINES.values() if line.is_public}
    paths = {path for _, path in public}
    for path in only or [*dict.fromkeys(line.path for line in LINES.values()), "/v1/nothing"]:
        target = re.sub(r"{\w+}", "page.js" if path in paths else str(UNKNOWN_ID), path)
        for method in METHODS:
            for name, headers in broken.items():
                answer = await driver.ask(Sent(method, target, headers))
                where = f"{method} {path}, {name}"
                if ("GET" if method == "HEAD" else method, path) in public:
                    expected = {415} if method == "POST" else {200, 302}  # there is no body
                    report.compare("credentials", where, True, answer.status in expected)
                    continue
                found = answer.status, answer.headers.get("www-authenticate")
                report.compare("credentials", where, (401, CHALLENGE), found)
                if method != "HEAD":
                    first = first or answer.without_ids()
                    report.compare("credentials", where, first, answer.without_ids())


async def test_each_caller_reaches_what_the_table_says(app: Litestar, report: Report) -> None:
    tekana = app.state.tekana
    subjects = await all_subjects(tekana)
    lacking = await callers.without_each_scope(tekana)
    matrix = Matrix(AsgiDriver(app), Objects(tekana), report)
    for target in targets_of(app):
        for one in variants(target):
            for subject in (*subjects, lacking[target.line.scope]):  # type: ignore[index]
                await matrix.compare(one, subject)
    await matrix.objects.assert_unchanged()


async def test_lists_have_nothing_of_others(app: Litestar, report: Report) -> None:
    tekana = app.state.tekana
    subjects = await all_subjects(tekana)
    matrix = Matrix(AsgiDriver(app), Objects(tekana), report)
    kinds = {kind for target in targets_of(app) for kind in target.names.values()} - {"idempotency_key"}
    for subject in subjects:
        for owner in (Owner(subject.caller.tenant, subject.caller.customer_id), Owner("south"), Owner(NORTH)):
            for kind in sorted(kinds):
                if subject.role is not None:
                    await matrix.objects.keep(owner, kind)
    for target in targets_of(app):
        if target.line.others == "not listed":
            for subject in subjects:
                await matrix.compare_list(target, subject)
                for one in filters_of(target.line, target.operation):  # type: ignore[arg-type]
                    await matrix.compare_filter(one, subject)


async def test_unknown_fields_are_refused(memory_app: Litestar, report: Report) -> None:
    subjects = await all_subjects(memory_app.state.tekana)
    matrix = Matrix(AsgiDriver(memory_app), Objects(memory_app.state.tekana), report)
    for target in targets_of(memory_app):
        for one in variants(target):
            for subject in subjects:
                if subject.role and subject.may(target.line):
                    await matrix.compare_unknown_fields(one, subject)


async def test_paths_have_no_other_methods(memory_app: Litestar, report: Report) -> None:
    allowed: dict[str, set[str]] = {}
    for line in LINES.values():
        allowed.setdefault(line.path, {"OPTIONS"}).update({"GET", "HEAD"} if line.method == "GET" else {line.method})
    driver = AsgiDriver(memory_app)
    for subject in await all_subjects(memory_app.state.tekana):
        for path, methods in allowed.items() if subject.role else ():
            target = re.sub(r"{\w+}", str(UNKNOWN_ID), path)
            for method in METHODS:
                if method in methods and method != "OPTIONS":
                    continue
                answer = await driver.ask(Sent(method, target, (subject.headers,)))
                found = answer.status, set(answer.headers.get("allow", "").split(", "))
                expected = 204 if method == "OPTIONS" else 405
                report.compare("methods", f"{method} {path} as {subject.name}", (expected, methods), found)


async def test_hot_routes_do_the_same(report: Report) -> None:
    """Over a socket, where the server's protocol itself serves some routes to callers that it knows."""
    app = create_app(settings("memory://"))
    hot = {("POST", "/v1/transactions"), ("GET", "/v1/wallets/{wallet_id}")}
    assert len(app.hot_routes._routes) == len(hot)  # type: ignore[attr-defined]
    async with listening(app) as port, connected(port) as peer:
        tekana = app.state.tekana
        await set_terms(tekana)
        matrix = Matrix(SocketDriver(peer), Objects(tekana), report)
        lacking = await callers.without_each_scope(tekana)
        subjects = await all_subjects(tekana)
        broken = await broken_credentials(tekana)
        await compare_credentials(matrix.driver, broken, report, only=[path for _, path in hot])
        for target in targets_of(app):
            if (target.line.method, target.line.path) in hot:
                for one in variants(target):
                    for subject in (*subjects, lacking[target.line.scope]):  # type: ignore[index]
                        await matrix.compare(one, subject)
                        if subject.role and subject.may(target.line):
                            await matrix.compare_unknown_fields(one, subject)
        await matrix.objects.assert_unchanged()


BUGS: Final = {
    "reads without access": "tekana_memory.readers.can_access",
    "lists without access": "tekana_memory.readers.can_access_wallet",
    "changes without access": "tekana.domain.book.can_access",
    "spending without access": "tekana.domain.book.can_access_wallet",
    "holds without access": "tekana.domain.holds.can_access",
    "reversals without access": "tekana.domain.reversals.can_access",
    "payments to other tenants": "tekana.domain.book.can_pay_into",
    "keys without access": "tekana.application.commands.api_keys.keys.can_manage_key",
    "passwords and identities without access": "tekana.application.sign_in.contacts.can_access",
    "endpoints without access": "tekana_memory.webhook_endpoints.can_access",
    "webhooks without access": "tekana.application.commands.webhooks.endpoints.can_access",
    "no scope": "tekana.application.session_reads.require_scope",
    "no credential": "tekana.application.authentication.authenticator.Authenticator.authenticate",
}
"""Functions that planted bugs replace by one that allows everything."""


@pytest.mark.parametrize("bug", BUGS)
async def test_planted_bugs_are_found(memory_app: Litestar, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    report, tekana = Report(), memory_app.state.tekana
    matrix = Matrix(AsgiDriver(memory_app), Objects(tekana), report)
    partner = KeyProperties("All", "partner", tuple(SCOPES - {"tenants:all"}), NORTH)
    subjects = [one for one in await all_subjects(tekana) if one.role in ("support", "partner", "customer")]
    subjects.append(await callers.with_key(tekana, "partner: all scopes", partner))
    broken = await broken_credentials(tekana)

    async def authenticate(_: Authenticator, token: str) -> Caller:
        return subjects[-1].caller

    await matrix.objects.make(Owner("south"), "wallet_id")
    monkeypatch.setattr(BUGS[bug], authenticate if bug == "no credential" else lambda *_: True)
    with suppress(TekanaError):  # what was kept may have been changed by those who may not
        for target in targets_of(memory_app):
            for subject in subjects:
                await matrix.compare(target, subject)
                if target.line.route == "GET /v1/wallets":
                    await matrix.compare_list(target, subject)
    await compare_credentials(matrix.driver, {"garbage": broken["garbage"]}, report)
    assert report.deviations
