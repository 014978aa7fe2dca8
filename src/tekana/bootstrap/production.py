"""The checks of production: what is not safe there refuses to start. A new check is an entry in `CHECKS` or `SECRETS`.

Adapters check their own URL and server: see `tekana.ports.production`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from tekana.bootstrap.adapters import find_publisher
from tekana.bootstrap.container import Container, LocalContainer
from tekana.bootstrap.settings import Settings
from tekana.domain.errors import FieldError, InvalidRequest, Unavailable
from tekana.ports.production import TOKEN_LENGTH_MIN, ProductionChecks, is_local, weakness_of


class UnsafeForProduction(InvalidRequest):
    """Settings, or servers that they name, are not safe in production. `errors` has all that were found."""


_DEFAULTS: Final = Settings()

Check = Callable[[Settings], Iterator[str]]
"""Yields what is wrong with a setting in production."""


def _docs(settings: Settings) -> Iterator[str]:
    if settings.serves_docs:
        yield "must be off: the page would be open to everyone"


def _cors_origins(settings: Settings) -> Iterator[str]:
    if "*" in settings.allowed_origins:
        yield "must name exact origins: * lets every page in a browser send requests"


def _key_provider_url(settings: Settings) -> Iterator[str]:
    if (settings.key_provider_url or "").startswith("memory:"):
        yield "must be that of a file: memory:// loses the master keys when it stops"


def _message_sender(settings: Settings) -> Iterator[str]:
    if (settings.message_sender or "").startswith(("console:", "file:", "memory:")):
        yield "must be a sender of SMS or email: one-time codes would be readable in a log or a file"


def _trusted_proxies(settings: Settings) -> Iterator[str]:
    if settings.tls_by_proxy and settings.address_rate and not settings.trusted_proxies:
        yield "is missing: with tls_by_proxy, all callers would share the rate limit of the proxy's address"


def _dev_mode(_: Settings) -> Iterator[str]:
    if sys.flags.dev_mode:
        yield "must not be set, nor python -X dev: debugging is on"


def _asyncio_debug(_: Settings) -> Iterator[str]:
    if os.environ.get("PYTHONASYNCIODEBUG") and not sys.flags.ignore_environment:
        yield "must not be set: debugging is on"


CHECKS: Final[Mapping[str, Check]] = {
    "docs": _docs,
    "cors_origins": _cors_origins,
    "key_provider_url": _key_provider_url,
    "message_sender": _message_sender,
    "trusted_proxies": _trusted_proxies,
    "PYTHONDEVMODE": _dev_mode,
    "PYTHONASYNCIODEBUG": _asyncio_debug,
}
"""The checks of the settings and of the environment, by the name of the setting or the variable."""

SECRETS: Final[Mapping[str, Callable[[Settings], Iterable[str]]]] = {
    "bus_secret": lambda settings: settings.bus_secrets,
    "metrics_token": lambda settings: filter(None, [settings.metrics_token]),
}
"""The secrets in settings, which must not be short or simple."""


def check_settings(settings: Settings, *, host: str | None = None, serves_http: bool = False) -> None:
    """Check the settings of a process, if it is for production.

    Args:
        settings: the settings.
        host: the address that it serves HTTP at, if any.
        serves_http: whether it serves HTTP, at an address that is not known here.

    Raises:
        UnsafeForProduction: a setting is not safe.
    """
    _refuse(_settings_faults(settings, host, serves_http=serves_http))


_TOKEN_ROLES: Final = ("all", "customer", "gateway")  # they issue or verify the tokens of customers


async def check_production(container: Container, *, host: str | None = None) -> None:
    """Check the settings of a process, its database and its bus, if it is for production. Nothing needs to be started.

    Args:
        container: the container of the process.
        host: the address that it serves HTTP at, if any.

    Raises:
        UnsafeForProduction: a setting or a server is not safe.
        Unavailable: a server cannot be reached, so that it cannot be checked, and nothing else is unsafe.
    """
    settings = container.settings()
    faults = _settings_faults(settings, host)
    unreachable: Unavailable | None = None
    if settings.is_production:
        for adapter in _adapters(container):
            if isinstance(adapter, ProductionChecks):
                try:
                    faults += await adapter.check_production()
                except Unavailable as error:
                    unreachable = unreachable or error
    _refuse(faults)
    if unreachable is not None:
        raise unreachable


def _settings_faults(settings: Settings, host: str | None, *, serves_http: bool = False) -> list[FieldError]:
    if not settings.is_production:
        return []
    faults = [FieldError(name, fault) for name, check in CHECKS.items() for fault in check(settings)]
    for name, secrets in SECRETS.items():
        weaknesses = (weakness_of(secret, TOKEN_LENGTH_MIN) for secret in secrets(settings))
        faults += [FieldError(name, weakness) for weakness in weaknesses if weakness]
    if host is not None and not (is_local(host) or settings.tls_cert or settings.tls_by_proxy):
        faults.append(
            FieldError("tls_cert", f"is missing: HTTP at {host} would not be encrypted (or set tls_by_proxy)")
        )
    if (serves_http or host is not None) and settings.role in _TOKEN_ROLES:
        faults += [
            FieldError(name, "must be set, so that no token of another installation is accepted here")
            for name in ("token_issuer", "token_audience")
            if getattr(settings, name) == getattr(_DEFAULTS, name)
        ]
    return faults


def _adapters(container: Container) -> Iterator[Any]:
    """Yield the store and the publisher of a process, if it has them. A gateway has the bus of the publisher."""
    if "store" in container.providers:
        yield cast("LocalContainer", container).store()
    bus_url = container.settings().bus_url
    if bus_url is not None:
        yield find_publisher(bus_url)


def _refuse(faults: list[FieldError]) -> None:
    if faults:
        raise UnsafeForProduction(*faults)
