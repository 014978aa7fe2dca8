"""The watcher: a process that stops the server when its users were killed. Run by its path, without site-packages."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path


def main(path: str, *account: str) -> None:
    """Watch the folder of a server, detached from what started this process.

    Args:
        path: the folder of one major version.
        account: the user and group number of the server's account, if it has another.
    """
    from .account import Account  # noqa: PLC0415 - relative to the package, which `_as_package` finds first
    from .data_directory import DataDirectory  # noqa: PLC0415

    if os.fork():
        os._exit(0)
    for stream in (1, 2):  # a process that reads our output is not kept waiting
        os.dup2(0, stream)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # they are meant for the application
        signal.signal(ignored, signal.SIG_IGN)
    DataDirectory(Path(path), Account(*map(int, account)) if account else None).watch()


if __name__ == "__main__":
    # As a package of its own: what it is part of needs libraries. Last in the path, so that it hides no other module.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    importlib.import_module("embedded.watcher").main(*sys.argv[1:])
