"""Development mode of `tekana serve`: an operator's API key that the developer need not create.

The key is in a file that only the user can read. The page with the documentation gets it in the fragment of its address
(`/api#key=…`), which the command prints. Browsers do not send fragments, and no response of the server has the key: so
other users of the machine, other pages in the browser, and clients of a proxy in front of the server cannot get it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

import rich_click as click

from tekana.bootstrap import Settings
from tekana.bootstrap.key_file import create_key_file, read_key_file
from tekana.domain.errors import invalid

_OWN_DATA: Final = ("embedded:", "memory:")


class DevelopmentKey(NamedTuple):
    """The key of development mode, and whether it was made by this start."""

    text: str
    is_new: bool

    @property
    def fragment(self) -> str:
        """The end of the address of the documentation: with the key, where a person reads it; else empty."""
        return f"#key={self.text}" if self.is_new or sys.stderr.isatty() else ""


def is_development(chosen: Settings, host: str) -> bool:
    """Return whether the server is for this machine alone: all in one process, data of its own, a loopback address."""
    return (
        chosen.role == "all"
        and chosen.database_url.startswith(_OWN_DATA)
        and _is_loopback(host)
        and not chosen.is_production
    )


def with_development_key(chosen: Settings) -> tuple[Settings, DevelopmentKey]:
    """Return the settings with the key file, and its key. Makes the file and prints the key unless the file exists.

    Raises:
        InvalidRequest: the file cannot be made or read, or other users can read it.
    """
    path = Path(chosen.key_file or Path.home() / ".tekana" / "operator.key")
    try:
        made = create_key_file(path)
    except OSError as error:
        raise invalid("key_file", f"cannot be made: {path}") from error
    if made is not None:
        click.echo(f"tekana: the first operator's API key, which is also in {path}: {made}", err=True)
    return replace(chosen, key_file=str(path)), DevelopmentKey(made or read_key_file(path), made is not None)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
