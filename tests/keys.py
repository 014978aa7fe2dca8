"""The API key of clients of servers under test. It has the rights and the subject of the local operator.

It is in the file TEKANA_KEY_FILE, so that servers whose settings come from the environment register it. An app in the
process of the tests with other settings registers it with the first request of a client that has `AppKey`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import httpx

from tekana import LOCAL_OPERATOR, KeyProperties, Settings, Tekana, connect, create_api_key
from tekana.bootstrap.key_file import create_key_file, read_key_file, register_key_file
from tekana.ports.store import Store

if TYPE_CHECKING:
    from litestar import Litestar


def _key_file() -> Path:
    """Return the path in TEKANA_KEY_FILE, after making the file unless a parent process has."""
    given = os.environ.get("TEKANA_KEY_FILE")
    if given is not None:
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="tekana-test-key-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "operator.key"
    create_key_file(file)
    os.environ["TEKANA_KEY_FILE"] = str(file)
    return file


KEY_FILE = _key_file()
OPERATOR_KEY = read_key_file(KEY_FILE)

BEARER = {"Authorization": f"Bearer {OPERATOR_KEY}"}
"""The header of requests with the key."""

_registered: WeakSet[Tekana] = WeakSet()


async def register_key(tekana: Tekana) -> None:
    """Register the key with the store of an application, once."""
    if tekana not in _registered:
        await register_key_file(tekana, KEY_FILE)
        _registered.add(tekana)


SHARED_KEYS = Settings(database_url="memory://", key_provider_url=f"file://{KEY_FILE.with_name('master-keys.json')}")
"""Settings of apps that use one store in memory one after the other: with master keys that outlast an app."""


async def register_key_in(store: Store) -> None:
    """Register the key with a store, for a test that then has it fail in an app with SHARED_KEYS."""
    async with connect(SHARED_KEYS, store=store) as tekana:
        await register_key_file(tekana, KEY_FILE)


class AppKey(httpx.Auth):
    """Has a client of an app in this process send the key, in requests without a credential of their own."""

    def __init__(self, app: Litestar) -> None:
        self._app = app

    async def async_auth_flow(self, request: httpx.Request) -> AsyncIterator[httpx.Request]:  # type: ignore[override]
        """Add the key to a request."""
        if "Authorization" not in request.headers:
            if hasattr(self._app.state, "tekana"):  # it is started
                await register_key(self._app.state.tekana)
            request.headers.update(BEARER)
        yield request


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
