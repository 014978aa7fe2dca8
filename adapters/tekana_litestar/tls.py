"""The certificate of the server, and its replacement while the server runs."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Callable
from signal import Signals
from typing import Final

from tekana import Settings
from tekana.domain.errors import invalid
from tekana_litestar.signals import Handler

_log = logging.getLogger("tekana.server")

STRICT_TRANSPORT_SECURITY: Final = ("strict-transport-security", "max-age=63072000; includeSubDomains")
"""The header of all responses over TLS: for two years, browsers use no other connection."""


def server_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the context of connections with the certificate of the settings; None without one.

    Raises:
        InvalidRequest: the files cannot be used.
    """
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # TLS 1.2 or newer
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=_no_password)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise invalid("tls_cert", f"or tls_key cannot be used: {reason}") from None
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted with a password")  # OpenSSL would ask for it on the terminal


def hangup_handlers(on_hangup: Callable[[], None], settings: Settings) -> dict[int, Handler]:
    """Return the handler of SIGHUP, which replaces the certificate; none without one, so that SIGHUP ends the process.

    Args:
        on_hangup: what to do.
        settings: the settings of the process.
    """
    if settings.tls_cert is None or sys.platform == "win32":
        return {}
    return {Signals.SIGHUP: lambda *_: on_hangup()}


def reload_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    """Use the present files for new connections. If they cannot be used, log why, and keep the old certificate."""
    try:
        server_context(settings)  # loading into the context in use would not be undone by a failure
        context.load_cert_chain(str(settings.tls_cert), settings.tls_key, password=_no_password)
    except Exception as error:
        _log.error("the certificate was not replaced: %s", error)
    else:
        _log.warning("the certificate was replaced")
