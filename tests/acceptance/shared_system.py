"""Apps that the scenarios of a module share over HTTP, as an app takes longer to start than a scenario to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

import httpx

from tekana import Session, Settings, Tekana
from tekana.ports.message_sender import CodeMessage
from tekana.testing.clock import FrozenClock
from tekana.testing.http_driver import HttpDriver
from tekana.testing.portal import Portal
from tekana.testing.steps import AcceptanceTarget
from tekana_litestar import create_app
from tekana_postgres.tables import metadata
from tests.integration.postgres_support import superuser
from tests.keys import AppKey, OperatorKey
from tests.sign_in.support import messages_of

KEPT = (*("outbox_parts", "relays", "leases", "api_keys", "data_keys", "signing_keys", "terms", "time_zones"),)
"""The tables that stay as they are between scenarios: a running app holds what they say."""


class System(NamedTuple):
    """A running app.

    Attributes:
        app: the core.
        clock: its clock.
        driver: sends requests to it as the local operator.
        operator: returns a driver that sends them as the operator with a name.
        messages: the one-time codes that were sent, the newest last.
    """

    app: Tekana
    clock: FrozenClock
    driver: HttpDriver
    operator: Callable[[str], HttpDriver]
    messages: list[CodeMessage]


@contextmanager
def running(
    portal: Portal, settings: Settings, clock: FrozenClock, messages: list[CodeMessage] | None = None
) -> Iterator[System]:
    """Run an app on the portal's loop. `messages` are those that it sends itself, unless others send them for it."""
    app = create_app(settings, clock=clock)
    clients: list[httpx.AsyncClient] = []

    def driver(auth: httpx.Auth) -> HttpDriver:
        clients.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana", auth=auth))
        return HttpDriver(clients[-1])

    with portal.entered(app.lifespan()):
        core = app.state.tekana
        operator = cache(lambda name: driver(OperatorKey(app, name)))
        yield System(core, clock, driver(AppKey(app)), operator, messages_of(core) if messages is None else messages)
        for client in clients:
            portal.call(client.aclose())


@contextmanager
def one_scenario(
    portal: Portal, system: System, postgres_url: str, audited: Session, *, approvals: bool
) -> Iterator[AcceptanceTarget]:
    """Yield the target of a scenario. Empty the ledger after it."""
    system.messages.clear()
    system.clock.set(FrozenClock()())
    yield AcceptanceTarget(
        system.driver,
        system.clock,
        audited=audited,
        messages=system.messages,
        operators=system.operator if approvals else None,
    )
    portal.call(_empty(postgres_url))


_SAVE_FIRST_LIMITS = "CREATE TEMP TABLE first_limits ON COMMIT DROP AS SELECT * FROM limits WHERE set_by = 'tekana'"
_RESTORE_FIRST_LIMITS = "INSERT INTO limits SELECT * FROM first_limits; UPDATE terms SET version = version + 1"


async def _empty(url: str) -> None:
    """Empty the ledger. Positions in the outbox go on."""
    tables = ", ".join(table for table in metadata.tables if table not in KEPT)
    async with superuser(url) as connection, connection.transaction():
        guarded = [
            row[0]
            for row in await connection.fetch(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only_truncate'"
            )
        ]
        guard = "; ".join(f"ALTER TABLE {table} {{0}} TRIGGER append_only_truncate" for table in guarded)
        await connection.execute(_SAVE_FIRST_LIMITS)
        await connection.execute(f"{guard.format('DISABLE')}; TRUNCATE {tables}; {guard.format('ENABLE ALWAYS')}")
        await connection.execute(_RESTORE_FIRST_LIMITS)
