"""A request is refused for its credential first, then for its scope, and only then for what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from litestar import Litestar

from docs.access import Line
from tekana import Settings
from tekana_litestar import create_app
from tekana_litestar.operation import operation_of
from tekana_litestar.problems import CHALLENGE
from tests.access import callers
from tests.access.callers import Subject
from tests.access.driver import AsgiDriver, Driver, Sent, SocketDriver
from tests.access.matrix import FORBIDDEN, Report, outcome
from tests.access.requests import routes_of
from tests.access.test_matrix import LINES, memory_app, report, settings
from tests.integration.http_support import UNKNOWN_ID
from tests.integration.raw_http import connected, listening

__all__ = ["memory_app", "report"]

JSON: Final = ("content-type", "application/json")
KEY: Final = ("idempotency-key", "order")


def malformed_requests(line: Line) -> Iterator[tuple[str, Sent]]:
    """Yield requests for a route that are wrong for another reason each, with what is wrong."""
    path = re.sub(r"{\w+}", str(UNKNOWN_ID), line.path)
    yield "nothing given", Sent(line.method, path)
    yield "unknown parameter", Sent(line.method, f"{path}?canary=1")
    yield "malformed page", Sent(line.method, f"{path}?limit=-1&cursor=x")
    yield "empty key", Sent(line.method, path, (("idempotency-key", ""),))
    yield "malformed version", Sent(line.method, path, (("if-match", "canary"),))
    if "{" in line.path:
        yield "malformed id", Sent(line.method, re.sub(r"{\w+}", "canary", line.path))
    if line.method != "GET":
        yield "unknown field", Sent(line.method, path, (KEY,), {"canary": 1})
        yield "no object", Sent(line.method, path, (KEY,), ["canary"])
        yield "another kind of body", Sent(line.method, path, (KEY, ("content-type", "text/plain")))
        yield "a body that is too long", Sent(line.method, path, (KEY, JSON, ("content-length", "99999999")))


async def compare(driver: Driver, line: Line, subject: Subject, report: Report) -> None:
    """Compare the answers to malformed requests without a credential, and without the scope."""
    for wrong, sent in malformed_requests(line):
        where = f"{line.route}, {wrong}"
        anonymous = await driver.ask(sent)
        report.compare("credential first", where, f"401 unauthenticated {CHALLENGE}", outcome(anonymous))
        found = await driver.ask(sent.with_credential(subject.headers))
        report.compare("scope first", where, FORBIDDEN, outcome(found))


async def without_any_scope(app: Litestar) -> dict[tuple[str, str], Subject]:
    """Return, for each route that needs a scope, a caller without those of its lines, and with as many as possible."""
    lacking = await callers.without_each_scope(app.state.tekana)
    found = {(one.method, one.path): lacking[one.scope] for one in LINES.values() if not one.is_public}  # type: ignore[index]
    singles = {one.name: one for one in await callers.of_single_scopes(app.state.tekana)}
    return found | {("POST", path): singles["partner: events:read"] for path in ("/v1/transactions", "/v1/batches")}


async def test_scopes_come_before_what_is_wrong(memory_app: Litestar, report: Report) -> None:
    subjects = await without_any_scope(memory_app)
    for line in LINES.values():
        if not line.is_public:
            await compare(AsgiDriver(memory_app), line, subjects[line.method, line.path], report)


async def test_hot_routes_keep_the_order(report: Report) -> None:
    app = create_app(settings("memory://"))
    async with listening(app) as port:
        subjects = await without_any_scope(app)
        for line in LINES.values():
            if (line.method, line.path) in {("POST", "/v1/transactions"), ("GET", "/v1/wallets/{wallet_id}")}:
                for wrong, sent in malformed_requests(line):
                    if wrong != "a body that is too long":  # which is not sent
                        async with connected(port) as peer:
                            subject = subjects[line.method, line.path]
                            found = await SocketDriver(peer).ask(sent.with_credential(subject.headers))
                            report.compare("scope first", f"{line.route}, {wrong}", FORBIDDEN, outcome(found))


async def test_each_operation_declares_the_scopes_of_the_table() -> None:
    needed: dict[tuple[str, str], set[str]] = {}
    for line in LINES.values():
        if not line.is_public:
            needed.setdefault((line.method, line.path), set()).add(line.scope)
    needed["POST", "/v1/batches"] = {"transactions:send"}  # of the batch; then come those of its movements
    routes = routes_of(create_app(Settings(database_url="memory://")))
    declared = {}
    for route, handler in routes.items():
        operation = operation_of(handler)
        if operation is not None and operation.access is not None:
            declared[route] = set(operation.access.scopes)
    assert declared == needed
