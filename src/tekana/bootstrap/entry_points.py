"""Lookup of what packages install, through entry points.

Another package adds a store with an entry point in the group `tekana.stores`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tekana.domain.errors import TekanaError

# The other schemes are the names of their extras.
_EXTRAS = {"postgresql": "postgres", "postgresql+asyncpg": "postgres", "https": "webhooks"}


class MissingAdapter(TekanaError):
    """An adapter, or a library that it needs, is not installed. The message names what to install."""

    code = "missing_adapter"


def load(group: str, name: str) -> Any:
    """Load the object of an entry point.

    Raises:
        MissingAdapter: there is no such entry point, or a library that it needs is not installed.
    """
    point = _find(group, name)
    try:
        return point.load()
    except ImportError as error:
        extra = "keys" if group in ("tekana.key_providers", "tekana.checkpoints") else _EXTRAS.get(name, name)
        raise MissingAdapter(f"{name!r} needs more libraries ({error}): pip install 'tekana[{extra}]'") from error
    except AttributeError as error:
        raise MissingAdapter(f"{name!r} is installed, but not whole ({error}): install it again") from error


@cache  # for what is found: to look for it takes milliseconds, as it reads a file of every installed package
def _find(group: str, name: str) -> EntryPoint:
    found = entry_points(group=group, name=name)
    if not found:
        known = sorted({point.name for point in entry_points(group=group)})
        raise MissingAdapter(f"no adapter for {name!r} is installed; there are: {', '.join(known)}")
    return found[name]
