"""The checks that an adapter makes before a process starts in production (TEKANA_ENV=production)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final, Protocol, runtime_checkable

from tekana.domain.errors import FieldError

SECRET_LENGTH_MIN: Final = 16
"""Of passwords. A secret that authorizes by itself, such as a token, needs TOKEN_LENGTH_MIN characters."""
TOKEN_LENGTH_MIN: Final = 32
_DIFFERENT_CHARACTERS_MIN: Final = 8


@runtime_checkable
class ProductionChecks(Protocol):
    """An adapter with checks for production. A store or a publisher may have them; they are called before `start`."""

    async def check_production(self) -> Sequence[FieldError]:
        """Check the URL of the adapter, and the server that it names.

        Returns:
            What is not safe: the setting, and what is wrong with it. If the URL is not safe, no connection is opened.

        Raises:
            Unavailable: the server cannot be reached, so that it cannot be checked.
        """
        ...


def is_local(host: str) -> bool:
    """Return whether a host is this machine: a loopback address, `localhost`, or the path of a Unix socket."""
    if host.startswith("/"):
        return True
    name = host.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def weakness_of(secret: str, length_min: int = SECRET_LENGTH_MIN) -> str | None:
    """Return what makes a secret easy to guess, or None."""
    if len(secret) < length_min:
        return f"is shorter than {length_min} characters"
    if len(set(secret)) < _DIFFERENT_CHARACTERS_MIN:
        return f"has fewer than {_DIFFERENT_CHARACTERS_MIN} different characters"
    return None
