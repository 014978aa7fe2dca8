"""The security of connections to the brokers: TLS and SASL, from the options of the bus URL."""

from __future__ import annotations

import ssl
from collections.abc import MutableMapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from tekana.domain.errors import invalid

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_SSL")
_MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_EXPLAIN_TIMEOUT_MS: Final = 5_000


class Security(NamedTuple):
    """How a client connects to the brokers. The certificates of brokers are always verified with TLS.

    Attributes:
        protocol: PLAINTEXT, SSL (TLS), or SASL_SSL (TLS, with a user and a password).
        ca_file: the certificates of the authorities to trust, in PEM; None for those of the system.
        mechanism: the SASL mechanism.
        user: the name of the user.
        password: their password.
    """

    protocol: str = "PLAINTEXT"
    ca_file: str | None = None
    mechanism: str = _MECHANISMS[0]
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Security({self.protocol!r}, user={self.user!r})"

    def client_options(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's clients."""
        if self.protocol == "PLAINTEXT":
            return {}
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self._ssl_context()}
        if self.protocol == "SASL_SSL":
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)  # it verifies the certificate and the name of the host


def parse_security(credentials: str | None, options: MutableMapping[str, str]) -> Security:
    """Take the options of TLS and SASL out of those of a bus URL.

    Args:
        credentials: the part of the URL before the @, `user:password`, percent-encoded; None without one.
        options: all options; those of this function are removed.

    Raises:
        InvalidRequest: an option is invalid, or two contradict each other.
    """
    protocol = options.pop("security_protocol", "PLAINTEXT")
    mechanism, ca_file = options.pop("sasl_mechanism", None), options.pop("ssl_cafile", None)
    if protocol not in _PROTOCOLS:
        raise invalid("bus_url", f"security_protocol must be one of {', '.join(_PROTOCOLS)}")
    if mechanism not in (None, *_MECHANISMS):
        raise invalid("bus_url", f"sasl_mechanism must be one of {', '.join(_MECHANISMS)}")
    if protocol != "SASL_SSL" and (credentials is not None or mechanism is not None):
        raise invalid("bus_url", "a user, a password and sasl_mechanism need security_protocol=SASL_SSL")
    if protocol == "PLAINTEXT" and ca_file is not None:
        raise invalid("bus_url", "ssl_cafile needs security_protocol=SSL or SASL_SSL")
    user, _, password = map(unquote, (credentials or "").partition(":"))
    if protocol == "SASL_SSL" and not (user and password):
        raise invalid(
            "bus_url", "security_protocol=SASL_SSL needs a user and a password: kafka://user:password@host:9093"
        )
    security = Security(protocol, ca_file, mechanism or _MECHANISMS[0], user, password)
    try:
        security.client_options()
    except OSError as error:
        raise invalid("bus_url", f"ssl_cafile cannot be read: {error.strerror or error}") from None
    return security


async def explain_failure(server: str, security: Security, error: BaseException) -> str:
    """Return why a client cannot connect, for a log or an operator.

    aiokafka only logs why the first connection fails, so another attempt is made to get the cause.

    Args:
        server: the broker, host:port.
        security: the security of the connection.
        error: the error of the client.
    """
    if not isinstance(error, KafkaConnectionError):
        return _text(error)
    host, _, port = server.rpartition(":")
    try:
        connection = await create_conn(
            host.strip("[]"), int(port), request_timeout_ms=_EXPLAIN_TIMEOUT_MS, **security.client_options()
        )
    except (KafkaConnectionError, ConnectionResetError):
        return f"the broker closes the connection: is security_protocol={security.protocol} right for its port?"
    except (KafkaError, OSError, TimeoutError) as cause:
        return _text(cause)
    connection.close()
    if security.protocol == "SSL":  # such a listener for SASL closes the connection at the first request
        return "the broker closes the connection: is security_protocol=SSL right for its port?"
    return _text(error)


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
