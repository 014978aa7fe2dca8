"""Run the features over HTTP against PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from functools import cache

import httpx
import pytest
from litestar import Litestar
from pytest_bdd import scenarios

from tekana import LOCAL_OPERATOR, KeyProperties, Settings, create_api_key
from tekana.testing.clock import FrozenClock
from tekana.testing.http_driver import HttpDriver
from tekana.testing.portal import Portal
from tekana.testing.steps import AcceptanceTarget, features_dir
from tekana_litestar import create_app
from tests.keys import AppKey
from tests.sign_in.support import messages_of


class OperatorKey(httpx.Auth):
    """Has requests bear the API key of an operator, which is created with the first of them."""

    def __init__(self, app: Litestar, name: str) -> None:
        self._app = app
        self._name = name
        self._text: str | None = None

    async def async_auth_flow(self, request: httpx.Request) -> AsyncIterator[httpx.Request]:  # type: ignore[override]
        """Add the key to a request."""
        if self._text is None:
            operator = self._app.state.tekana.as_caller(LOCAL_OPERATOR)
            self._text = (await create_api_key(operator, KeyProperties(self._name, "operator"))).text
        request.headers["Authorization"] = f"Bearer {self._text}"
        yield request


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
