"""What an operator can set: each setting is a field here, a flag of the command and a TEKANA_ variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from tekana.domain.errors import invalid
from tekana.domain.money import Currency, parse_currency

Role = Literal["all", "gateway", "customer", "wallet", "transaction"]
"""What a process is: everything; the HTTP door alone; or one of the services."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

DEFAULT_CURRENCY = Currency("RWF")

DAYS_MAX = 36_500

_URLS = {
    "database_url": "postgresql+asyncpg://user@host/name",
    "read_database_url": "postgresql+asyncpg://user@replica/name",
    "bus_url": "kafka://host:9092",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How tekana is set up.

    database_url: where everything is kept, `memory://` (gone at the end), `postgresql+asyncpg://…`, or
        `embedded:///folder`, a PostgreSQL of tekana's own; `embedded://` takes the user's data folder.
    read_database_url: a replica of that database, which answers what is only read, as far as it has come; None: the
        database does. Only for `postgresql+asyncpg://…`.
    bus_url: where what happens is published, `kafka://host:port`; None: nowhere, it stays in the outbox. Commands and
        queries go over it between a gateway and the services.
    role: "all" does everything in one process. The others need a `bus_url`: "gateway" answers HTTP without a database,
        "customer", "wallet" and "transaction" do the work that it asks for.
    webhooks_allow_private: whether webhooks may go to private addresses, and over http:// too. `1` or `true`, `0` or
        `false`, as a variable.
    keep_events: days after which what was published may be dropped from the outbox, by the relay; None: never.
    currency: the currency of a first wallet when a registration does not say.
    """

    database_url: str = "embedded://"
    read_database_url: str | None = None
    bus_url: str | None = None
    role: Role = "all"
    currency: Currency = DEFAULT_CURRENCY
    webhooks_allow_private: bool = False
    keep_events: int | None = None

    def __post_init__(self) -> None:
        parse_currency(self.currency)
        if self.role not in ROLES:
            raise invalid("role", f"must be one of {', '.join(ROLES)}")
        if self.role != "all" and self.bus_url is None:
            raise invalid("bus_url", f"is needed by the role {self.role}")
        if self.keep_events is not None and not 1 <= self.keep_events <= DAYS_MAX:
            raise invalid("keep_events", f"must be a number of days from 1 to {DAYS_MAX}")
        for name, such_as in _URLS.items():
            url = getattr(self, name)
            if url is not None and "://" not in url:
                raise invalid(name, f"must be a URL, such as {such_as}")

    @property
    def has_clients(self) -> bool:
        """Whether the process answers clients over HTTP; a service answers over the bus."""
        return self.role in ("all", "gateway")

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, given: Mapping[str, str | bool | int | None] | None = None
    ) -> Settings:
        """The settings given (not None), else those of the TEKANA_ variables (not empty), else the defaults."""
        values: dict[str, str | bool | int] = {}
        for field in fields(cls):
            value = (given or {}).get(field.name)
            if value is None:
                value = environment.get(f"TEKANA_{field.name.upper()}") or None
            if value is not None:
                values[field.name] = _READ.get(str(field.type), _as_it_is)(field.name, value)
        return cls(**values)  # type: ignore[arg-type]


def _as_it_is(_: str, value: str | bool | int) -> str | bool | int:
    return value


def _number(name: str, value: str | bool | int) -> int:
    if not str(value).isdecimal():
        raise invalid(name, f"must be a number of days from 1 to {DAYS_MAX}")
    return int(value)


_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


def _boolean(name: str, value: str | bool | int) -> bool:
    if str(value).lower() not in _BOOLEANS:
        raise invalid(name, "must be 1, true, 0 or false")
    return _BOOLEANS[str(value).lower()]


_READ: Final = {"bool": _boolean, "int | None": _number}
