"""Run the features over HTTP against PostgreSQL."""

from collections.abc import Iterator

import httpx
import pytest
from pytest_bdd import scenarios

from tekana import Settings
from tekana.testing.clock import FrozenClock
from tekana.testing.http_driver import HttpDriver
from tekana.testing.portal import Portal
from tekana.testing.steps import AcceptanceTarget, features_dir
from tekana_litestar import create_app
from tests.keys import AppKey
from tests.sign_in.support import messages_of


@pytest.fixture
def world(portal: Portal, postgres_url: str) -> Iterator[AcceptanceTarget]:
    clock = FrozenClock()
    settings = Settings(database_url=postgres_url, webhooks_allow_private=True, message_sender="memory://")
    app = create_app(settings, clock=clock)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://tekana", auth=AppKey(app))
    with portal.entered(app.lifespan()), portal.entered(client):
        yield AcceptanceTarget(
            HttpDriver(client), clock, audited=app.state.tekana, messages=messages_of(app.state.tekana)
        )


scenarios(features_dir())
