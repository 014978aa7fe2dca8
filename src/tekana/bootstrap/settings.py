"""The settings of an operator: each is a field here, a flag of the command and a TEKANA_ variable.

A secret has no flag, as other users of the machine can read the arguments of a process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.money import Currency, parse_currency

Role = Literal["all", "gateway", "customer", "wallet", "transaction"]
"""The role of a process: all in one; the gateway, which is the HTTP server only; or one of the services."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

DEFAULT_CURRENCY = Currency("RWF")

DAYS_MAX = 36_500

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Days = Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]

BUS_SECRET_BYTES_MIN = 32

_BUS_SECRETS_MAX = 2  # the new one and the old one, while it is rotated

_URLS: Final = {
    "database_url": "postgresql+asyncpg://user@host/name",
    "read_database_url": "postgresql+asyncpg://user@replica/name",
    "bus_url": "kafka://host:9092",
    "key_provider_url": "file:///folder/master-keys.json",
}
_REQUIREMENTS: Final = {
    "role": f"must be one of {', '.join(ROLES)}",
    "webhooks_allow_private": "must be 1, true, 0 or false",
    "keep_events": f"must be a number of days from 1 to {DAYS_MAX}",
    "access_log": "must be a number from 0 to 1",
    "bus_secret": f"must be one secret, or two separated by a comma, each of at least {BUS_SECRET_BYTES_MIN} bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a process.

    Args:
        database_url: the URL of the database: `memory://` (not persistent), `postgresql+asyncpg://…`, or
            `embedded:///folder`, a PostgreSQL that tekana starts; `embedded://` uses the user's data folder.
        read_database_url: the URL of a replica for reads, which may lag behind; None reads from the database. Only for
            `postgresql+asyncpg://…`.
        bus_url: the URL of the message bus, `kafka://host:port`, for events, and for the commands and queries between
            a gateway and the services. With None, events stay in the outbox.
        bus_secret: the secret that gateways and services share, of at least 32 bytes: it signs who a command or query
            is of. All roles but "all" need it. To rotate it: two, separated by a comma. The first signs, both verify.
        role: "all" does everything in one process. The others need a `bus_url`: "gateway" serves HTTP without a
            database; "customer", "wallet" and "transaction" execute the commands and queries of the gateway.
        key_provider_url: the URL of the provider of the master keys: `file:///folder/master-keys.json`, a file that is
            created if it is not there, `file:///…?existing` otherwise; or `memory://` (not persistent). With None, it
            is `master-keys.json` in the folder of an `embedded://` database, else in the user's data folder; in
            memory for a `memory://` database.
        webhooks_allow_private: whether webhooks may be sent to private addresses, and over http://.
        keep_events: the age in days from which on the relay may drop published events from the outbox; None: never.
        access_log: the share of HTTP requests that get a line in the access log, from 0 to 1; above 0, those that are
            refused or fail always get one.
        currency: the ISO 4217 code of a customer's first wallet if the registration does not name one.

    Raises:
        InvalidRequest: a setting is wrong, or two contradict each other.
    """

    database_url: str = "embedded://"
    read_database_url: str | None = None
    bus_url: str | None = None
    bus_secret: str | None = None
    role: Role = "all"
    currency: Currency = DEFAULT_CURRENCY
    key_provider_url: str | None = None
    webhooks_allow_private: bool = False
    keep_events: Days | None = None
    access_log: Share = 0.0

    def __post_init__(self) -> None:
        parse_currency(self.currency)
        if self.role not in ROLES:
            raise invalid("role", _REQUIREMENTS["role"])
        if self.role != "all" and self.bus_url is None:
            raise invalid("bus_url", f"is needed by the role {self.role}")
        if self.bus_secret is not None:
            self._check_bus_secrets()
        elif self.role != "all":
            raise invalid(
                "bus_secret", f"is needed by the role {self.role}: set TEKANA_BUS_SECRET, the same everywhere"
            )
        if self.keep_events is not None and not 1 <= self.keep_events <= DAYS_MAX:
            raise invalid("keep_events", _REQUIREMENTS["keep_events"])
        if not 0 <= self.access_log <= 1:
            raise invalid("access_log", _REQUIREMENTS["access_log"])
        for name, example in _URLS.items():
            url = getattr(self, name)
            if url is not None and "://" not in url:
                raise invalid(name, f"must be a URL, such as {example}")

    def __repr__(self) -> str:
        values = (f"{field.name}={self._shown(field.name)}" for field in fields(self))
        return f"Settings({', '.join(values)})"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return "'***'" if name == "bus_secret" and value is not None else hide_secrets(repr(value))

    def _check_bus_secrets(self) -> None:
        secrets = self.bus_secrets
        if len(secrets) > _BUS_SECRETS_MAX or any(len(one.encode()) < BUS_SECRET_BYTES_MIN for one in secrets):
            raise invalid("bus_secret", _REQUIREMENTS["bus_secret"])

    @property
    def bus_secrets(self) -> tuple[str, ...]:
        """The secrets of the bus: the first one signs, all verify."""
        return () if self.bus_secret is None else tuple(one.strip() for one in self.bus_secret.split(","))

    @property
    def has_clients(self) -> bool:
        """Return whether the process serves clients over HTTP; a service replies over the bus."""
        return self.role in ("all", "gateway")

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        *,
        given: Mapping[str, str | bool | float | None] | None = None,
    ) -> Settings:
        """Build the settings from arguments, the environment and the defaults, in this order.

        Args:
            environment: the TEKANA_ variables; empty ones count as unset.
            given: values by the names of settings; None counts as unset.

        Raises:
            InvalidRequest: a setting is wrong, or two contradict each other.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = (given or {}).get(field.name)
            if value is None:
                value = environment.get(f"TEKANA_{field.name.upper()}") or None
            if value is not None:
                values[field.name] = value
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise _as_invalid_request(error) from None


def _as_invalid_request(error: msgspec.ValidationError) -> InvalidRequest:
    if isinstance(error.__cause__, InvalidRequest):
        return error.__cause__
    named = re.search(r"`\$\.(\w+)`$", str(error))
    field = named[1] if named else "settings"
    return invalid(field, _REQUIREMENTS.get(field, "has a wrong value"))


_SECRETS: Final = (
    (
        re.compile(r"(://[^:/?#@\s]*):[^\s'\"]*@"),
        r"\1:***@",
    ),  # up to the last @, as a password may contain one unquoted
    (re.compile(r"(?<=[?&])((?:ssl)?password)=[^&\s'\"]*"), r"\1=***"),
)


def hide_secrets(text: str) -> str:
    """Replace the passwords of all URLs in a text."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
