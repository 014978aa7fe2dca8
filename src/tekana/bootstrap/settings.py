"""The settings of an operator: each is a field here, a flag of the command and a TEKANA_ variable.

A secret has no flag, as other users of the machine can read the arguments of a process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.bootstrap.hidden_secrets import shown
from tekana.domain.approvals import ApprovalRules
from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.money import Currency, parse_currency
from tekana.domain.terms import DEFAULT_TIME_ZONE, zone_of

Role = Literal["all", "gateway", "customer", "wallet", "transaction"]
"""The role of a process: all in one; the gateway, which is the HTTP server only; or one of the services."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

Environment = Literal["development", "production"]

ENVIRONMENTS: Final[tuple[Environment, ...]] = get_args(Environment)

Switch = Literal["on", "off"]

DEFAULT_CURRENCY = Currency("RWF")

DAYS_MAX = 36_500

HOURS_MAX = 8_760

Hours = Annotated[int, msgspec.Meta(ge=1, le=HOURS_MAX)]

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]

Days = Annotated[int, msgspec.Meta(ge=1, le=DAYS_MAX)]

BUS_SECRET_BYTES_MIN = 32

_BUS_SECRETS_MAX = 2  # the new one and the old one, while it is rotated

DaysOrNone = Annotated[int, msgspec.Meta(ge=0, le=DAYS_MAX)]

_URLS: Final = {
    "database_url": "postgresql+asyncpg://user@host/name",
    "read_database_url": "postgresql+asyncpg://user@replica/name",
    "bus_url": "kafka://host:9092",
    "key_provider_url": "file:///folder/master-keys.json",
    "message_sender": "console://",
}
_RATE_LIMIT: Final = re.compile(r"off|[1-9][0-9]{0,8}/(?:second|minute|hour)")
_RATE: Final = "must be off, or a number of requests as in 1000/second, 1000/minute or 1000/hour"
_PRODUCTION_RATE: Final = "1000/second"
_SWITCH: Final = "must be 1, true, 0 or false"
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.ASCII)
_REQUIREMENTS: Final = {
    "env": f"must be one of {', '.join(ENVIRONMENTS)}",
    "docs": "must be on or off",
    "cors_origins": "must be origins such as https://app.example.com, in lower case and separated by commas, or *",
    "tls_by_proxy": _SWITCH,
    "rate_limit": _RATE,
    "rate_limit_address": _RATE,
    "trusted_proxies": "must be networks such as 10.0.0.0/8 or addresses, separated by commas, and not all addresses",
    "role": f"must be one of {', '.join(ROLES)}",
    "webhooks_allow_private": _SWITCH,
    "keep_events": f"must be a number of days from 1 to {DAYS_MAX}",
    "keep_customers": f"must be a number of days from 0 to {DAYS_MAX}",
    "access_log": "must be a number from 0 to 1",
    "bus_secret": f"must be one secret, or two separated by a comma, each of at least {BUS_SECRET_BYTES_MIN} bytes",
    "approvals": f"must name commands, separated by commas: {', '.join(APPROVABLE)}",
    "approval_hours": f"must be a number of hours from 1 to {HOURS_MAX}",
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
        bus_secret: the secret that gateways and services share, of at least 32 bytes: it encrypts and authenticates
            commands, queries and replies. All roles but "all" need it. To rotate it: two, separated by a comma. The
            first seals, both open.
        role: "all" does everything in one process. The others need a `bus_url`: "gateway" serves HTTP without a
            database; "customer", "wallet" and "transaction" execute the commands and queries of the gateway.
        key_provider_url: the URL of the provider of the master keys: `file:///folder/master-keys.json`, a file that is
            created if it is not there, `file:///…?existing` otherwise; or `memory://` (not persistent). With None, it
            is `master-keys.json` in the folder of an `embedded://` database, else in the user's data folder; in
            memory for a `memory://` database.
        webhooks_allow_private: whether webhooks may be sent to private addresses, and over http://.
        keep_events: the age in days from which on the relay may drop published events from the outbox; None: never.
        keep_customers: how many days after the closing of a customer their personal data have to be kept, before they
            can be erased. The default, five years, is what laws against money laundering commonly ask for.
        access_log: the share of HTTP requests that get a line in the access log, from 0 to 1; above 0, those that are
            refused or fail always get one.
        checkpoint_file: the path of the file for signed checkpoints of history, outside the database; None: there are
            none.
        key_file: the path of a file with the API key of an operator, who acts as the local operator does. A process
            that serves HTTP registers the key with its store. None for no such key.
        token_issuer: the `iss` of the access tokens of customers: the URL under which they reach this installation.
        token_audience: the `aud` of these tokens. Both have to be the same for gateways and the customer service.
        outside_issuers: the file, in JSON, with the OpenID Connect issuers whose tokens are accepted too. A gateway
            does not need it: the customer service does, as for `message_sender`.
        message_sender: the URL of the sender of one-time codes; its scheme is the name of the entry point. For
            development: `console://`, or `file:///folder/name`. With None, no codes are sent.
        approvals: the commands that a second person has to approve before they are executed, by their names, separated
            by commas; without it, none. A gateway does not need it: the services do.
        approval_hours: for how many hours after a request it can be approved.
        time_zone: the time zone, by its name in the IANA database, whose days, weeks and months limits are counted in.
            `tekana migrate` stores it, and so does `tekana serve` where it migrates.
        currency: the ISO 4217 code of a customer's first wallet if the registration does not name one.
        env: "production" refuses to start with settings or servers that are not safe for real money: see
            `tekana.bootstrap.production`.
        docs: whether to serve the documentation page; by default only in development.
        metrics_token: the bearer token that `/metrics` requires. Without one, metrics are open in development, and not
            served in production.
        cors_origins: the origins, such as `https://app.example.com`, of the pages that may send requests from a
            browser; separated by commas. `*` stands for all, in development only.
        tls_cert, tls_key: files in PEM format, with which HTTP is served with TLS.
        tls_by_proxy: whether a proxy in front of the process terminates TLS.
        rate_limit: how many requests a caller may send to a process, such as `1000/second`, or `off`; by default off in
            development, and 1000/second in production. With `off`, a caller has no other limit either.
        rate_limit_address: the same for all requests from an address. With `off`, addresses have no limit at all.
        trusted_proxies: the networks of the proxies whose `X-Forwarded-For` and `Forwarded` are believed, such as
            `10.0.0.0/8`; separated by commas. With None, no proxy is trusted.

    Raises:
        InvalidRequest: a setting is wrong, or two contradict each other.
    """

    database_url: str = "embedded://"
    read_database_url: str | None = None
    bus_url: str | None = None
    bus_secret: str | None = None
    role: Role = "all"
    currency: Currency = DEFAULT_CURRENCY
    time_zone: str = DEFAULT_TIME_ZONE
    key_provider_url: str | None = None
    webhooks_allow_private: bool = False
    keep_events: Days | None = None
    keep_customers: DaysOrNone = 1825
    access_log: Share = 0.0
    checkpoint_file: str | None = None
    key_file: str | None = None
    env: Environment = "development"
    docs: Switch | None = None
    metrics_token: str | None = None
    cors_origins: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_by_proxy: bool = False
    token_issuer: str = "tekana"  # noqa: S105 - the name of an issuer
    token_audience: str = "tekana"  # noqa: S105 - the name of an audience
    outside_issuers: str | None = None
    message_sender: str | None = None
    approvals: str | None = None
    approval_hours: Hours = 24
    rate_limit: str | None = None
    rate_limit_address: str | None = None
    trusted_proxies: str | None = None

    def __post_init__(self) -> None:
        parse_currency(self.currency)
        zone_of(self.time_zone)
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
        if not 0 <= self.keep_customers <= DAYS_MAX:
            raise invalid("keep_customers", _REQUIREMENTS["keep_customers"])
        if not 0 <= self.access_log <= 1:
            raise invalid("access_log", _REQUIREMENTS["access_log"])
        if not self.approval_rules.commands <= APPROVABLE.keys():
            raise invalid("approvals", _REQUIREMENTS["approvals"])
        if not 1 <= self.approval_hours <= HOURS_MAX:
            raise invalid("approval_hours", _REQUIREMENTS["approval_hours"])
        for name, example in _URLS.items():
            url = getattr(self, name)
            if url is not None and "://" not in url:
                raise invalid(name, f"must be a URL, such as {example}")
        self._check_http()

    def _check_http(self) -> None:
        if self.env not in ENVIRONMENTS:
            raise invalid("env", _REQUIREMENTS["env"])
        if (self.tls_cert is None) != (self.tls_key is None):
            raise invalid("tls_key" if self.tls_key is None else "tls_cert", "is missing: TLS needs both files")
        if not all(one == "*" or _ORIGIN.fullmatch(one) for one in self.allowed_origins):
            raise invalid("cors_origins", _REQUIREMENTS["cors_origins"])
        for name in ("rate_limit", "rate_limit_address"):
            if not _RATE_LIMIT.fullmatch(getattr(self, name) or "off"):
                raise invalid(name, _REQUIREMENTS[name])
        try:
            is_safe = all(network.prefixlen for network in self.proxy_networks)
        except ValueError:
            is_safe = False
        if not is_safe:
            raise invalid("trusted_proxies", _REQUIREMENTS["trusted_proxies"])

    def __repr__(self) -> str:
        values = (f"{field.name}={shown(field.name, getattr(self, field.name))}" for field in fields(self))
        return f"Settings({', '.join(values)})"

    def _check_bus_secrets(self) -> None:
        secrets = self.bus_secrets
        if len(secrets) > _BUS_SECRETS_MAX or any(len(one.encode()) < BUS_SECRET_BYTES_MIN for one in secrets):
            raise invalid("bus_secret", _REQUIREMENTS["bus_secret"])

    @property
    def bus_secrets(self) -> tuple[str, ...]:
        """The secrets of the bus: the first one seals messages, all open them."""
        return () if self.bus_secret is None else tuple(one.strip() for one in self.bus_secret.split(","))

    @property
    def has_clients(self) -> bool:
        """Return whether the process serves clients over HTTP; a service replies over the bus."""
        return self.role in ("all", "gateway")

    @property
    def is_production(self) -> bool:
        """Return whether the process is for production."""
        return self.env == "production"

    @property
    def serves_docs(self) -> bool:
        """Return whether the documentation page is served."""
        return self.docs == "on" or (self.docs is None and not self.is_production)

    @property
    def serves_metrics(self) -> bool:
        """Return whether metrics are served."""
        return self.metrics_token is not None or not self.is_production

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Return the origins of `cors_origins`."""
        return tuple(one.strip() for one in (self.cors_origins or "").split(",") if one.strip())

    @property
    def caller_rate(self) -> str | None:
        """Return the rate limit of a caller, such as 1000/second; None for no limit."""
        return self._rate(self.rate_limit)

    @property
    def address_rate(self) -> str | None:
        """Return the rate limit of an address; None for no limit."""
        return self._rate(self.rate_limit_address)

    def _rate(self, given: str | None) -> str | None:
        if given is None:
            return _PRODUCTION_RATE if self.is_production else None
        return None if given == "off" else given

    @property
    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks of `trusted_proxies`."""
        return tuple(ip_network(one.strip()) for one in (self.trusted_proxies or "").split(",") if one.strip())

    @property
    def has_tls(self) -> bool:
        """Return whether clients reach the process over TLS: its own, or that of a proxy."""
        return self.tls_cert is not None or self.tls_by_proxy

    @property
    def approval_rules(self) -> ApprovalRules:
        """Return which commands need an approval, and when it expires."""
        names = frozenset(one.strip() for one in (self.approvals or "").split(",") if one.strip())
        return ApprovalRules(names, timedelta(hours=self.approval_hours))

    def variables(self) -> dict[str, str]:
        """Return the TEKANA_ variables of these settings, for other processes; that of an unset one is empty."""
        values = {f"TEKANA_{field.name.upper()}": getattr(self, field.name) for field in fields(self)}
        return {name: "" if value is None or value is False else str(value) for name, value in values.items()}

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
