"""Run the features over HTTP against PostgreSQL."""

from collections.abc import Iterator
from functools import cache

import httpx
import pytest
from pytest_bdd import scenarios

from tekana import Settings
from tekana.testing.clock import FrozenClock
from tekana.testing.http_driver import HttpDriver
from tekana.testing.portal import Portal
from tekana.testing.steps import AcceptanceTarget, features_dir
from tekana_litestar import create_app
from tests.keys import AppKey, OperatorKey
from tests.sign_in.support import messages_of


@pytest.fixture
def world(portal: Portal, postgres_url: str, approvals: str | None) -> Iterator[AcceptanceTarget]:
    clock = FrozenClock()
    settings = Settings(
        database_url=postgres_url, webhooks_allow_private=True, message_sender="memory://", approvals=approvals
    )
    app = create_app(settings, clock=clock)
    clients: list[httpx.AsyncClient] = []

    def client(auth: httpx.Auth) -> httpx.AsyncClient:
        clients.append(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana", auth=auth)  # type: ignore[arg-type]
        )
        return clients[-1]

    @cache
    def operator(name: str) -> HttpDriver:
        return HttpDriver(client(OperatorKey(app, name)))

    with portal.entered(app.lifespan()):
        driver = HttpDriver(client(AppKey(app)))
        yield AcceptanceTarget(
            driver,
            clock,
            audited=app.state.tekana,
            messages=messages_of(app.state.tekana),
            operators=operator if approvals is not None else None,
        )
        for one in clients:
            portal.call(one.aclose())


scenarios(features_dir())
