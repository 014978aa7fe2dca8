"""Database URLs: their parts, and the options after `?`, with the names of libpq."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tekana.domain.errors import FieldError, invalid
from tekana.ports.production import is_local, weakness_of

CONNECT_TIMEOUT_SECONDS = 5

# asyncpg parses these. `ssl` is its name for `sslmode`.
_ASYNCPG_OPTIONS = frozenset(
    (
        *("user", "password", "passfile", "host", "port", "dbname", "database", "service", "target_session_attrs"),
        *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib"),
    )
)
_OWN_OPTIONS = frozenset(("application_name", "connect_timeout", "ssl"))
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "primary", "standby", "prefer-standby", "read-write", "read-only"),
}
_EXAMPLE = "postgresql+asyncpg://user@host:5432/name"


class DatabaseUrl(NamedTuple):
    """The parts of a database URL.

    Attributes:
        dsn: the argument for asyncpg, with every part as an option.
        application_name: the name of the connections in PostgreSQL.
        connect_timeout_seconds: the timeout of a connection attempt.
        location: the URL without passwords and options, for messages.
    """

    dsn: str
    application_name: str
    connect_timeout_seconds: float
    location: str

    def __repr__(self) -> str:
        return self.location  # without the password


def parse_database_url(url: str, setting: str = "database_url") -> DatabaseUrl:
    """Parse a database URL.

    Args:
        url: `postgresql://user:password@host:port/name?option=value`; several hosts are separated by commas.
        setting: the name of the setting with the URL, for messages.

    Raises:
        InvalidRequest: the URL cannot be parsed, or an option is unknown or has a wrong value. Of the URL, the message
            contains the names of options only.
    """
    try:
        scheme, rest = url.split("://", 1)
        before, _, query = rest.partition("?")
        authority, _, database = before.partition("/")
        login, _, hosts = authority.rpartition("@")
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except ValueError:
        raise _malformed(setting) from None
    user, colon, password = login.partition(":")
    if "#" in url or any(not _is_host(one) for one in hosts.split(",")) or "@" in database + query:
        raise _malformed(setting)
    options = _options(pairs, setting)
    parts = {"user": user, "password": password, "host": hosts, "database": database}
    options = {name: unquote(value) for name, value in parts.items() if value} | options
    timeout = options.pop("connect_timeout", str(CONNECT_TIMEOUT_SECONDS))
    application_name = options.pop("application_name", "tekana")
    shown = f"{user}{':***' if colon else ''}@" if user else ""
    return DatabaseUrl(
        dsn=f"postgresql://?{urlencode(options)}",
        application_name=application_name,
        connect_timeout_seconds=float(timeout),
        location=f"{scheme}://{shown}{options.get('host', '')}/{quote(unquote(database))}",
    )


def url_faults(url: str, setting: str, environment: Mapping[str, str] = os.environ) -> Iterator[FieldError]:
    """Yield what is not safe for production in a database URL: a connection without verified TLS, a weak password.

    Args:
        url: the URL; what it leaves out is in the file of its service, which is not read here, or in the variables of
            libpq, as asyncpg reads them.
        setting: the name of the setting with the URL.
        environment: the variables.

    Raises:
        InvalidRequest: the URL cannot be parsed.
    """
    options = dict(parse_qsl(parse_database_url(url, setting).dsn.partition("?")[2]))
    password = options.get("password") or environment.get("PGPASSWORD")
    if "service" in options or "PGSERVICE" in environment:  # what its file says comes before the variables
        environment = {"PGHOST": "a service"}
    hosts = options.get("host") or environment.get("PGHOST") or ""
    remote = [host for host in map(_host_name, hosts.split(",")) if host and not is_local(host)]
    mode = options.get("sslmode") or environment.get("PGSSLMODE") or "prefer"
    if remote and mode != "verify-full":
        yield FieldError(setting, f"must have sslmode=verify-full and sslrootcert for {remote[0]}, not sslmode={mode}")
    if password and (weakness := weakness_of(password)):
        yield FieldError(setting, f"has a password that {weakness}")


def _host_name(host: str) -> str:
    """Return a host without its port."""
    if host.startswith("["):
        return host.partition("]")[0][1:]
    return host if host.count(":") > 1 else host.partition(":")[0]


def _options(pairs: list[tuple[str, str]], setting: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in pairs:
        if name not in _ASYNCPG_OPTIONS | _OWN_OPTIONS:
            raise invalid(setting, f"has the unknown option {name!r}; known are {_known()}")
        known = "sslmode" if name == "ssl" else name
        if value not in _CHOICES.get(known, (value,)):
            raise invalid(setting, f"the option {name} must be one of {', '.join(_CHOICES[known])}")
        if name == "connect_timeout" and not (value.isdecimal() and int(value) >= 1):
            raise invalid(setting, "the option connect_timeout must be a number of seconds from 1")
        if name == "port" and not all(_is_port(one) for one in value.split(",")):
            raise invalid(setting, "the option port must be a number from 1 to 65535")
        # SQLAlchemy repeats the option for several hosts.
        options[known] = f"{options[known]},{value}" if name == "host" and name in options else value
    return options


def _is_host(host: str) -> bool:
    """Return whether the text is `name`, `name:port`, `[address]` or `[address]:port`."""
    name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "")
    return (not port or _is_port(port)) and (":" not in name or (name[0], name[-1]) == ("[", "]"))


def _is_port(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= 65535


def _known() -> str:
    return ", ".join(sorted(_ASYNCPG_OPTIONS | _OWN_OPTIONS - {"ssl"}))


def _malformed(setting: str) -> Exception:
    return invalid(
        setting, f"must be a URL such as {_EXAMPLE}, with the special characters of a password percent-encoded"
    )
