"""The watcher: a process that stops the server after its users were killed. Run by its path, without site-packages."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path


def main(path: str, *account: str) -> None:
    """Watch the folder of a server, detached from the parent process.

    Args:
        path: the folder of one major version.
        account: the user and group id of the server's account, if it is not that of this process.
    """
    from .account import Account  # noqa: PLC0415 - relative to the package, which `_as_package` finds first
    from .data_directory import DataDirectory  # noqa: PLC0415

    if os.fork():
        os._exit(0)
    for stream in (1, 2):  # so that a reader of the output does not wait for this process
        os.dup2(0, stream)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for the application
        signal.signal(ignored, signal.SIG_IGN)
    DataDirectory(Path(path), Account(*map(int, account)) if account else None).watch()


if __name__ == "__main__":
    # As a top-level package: the parent package needs libraries. Last in the path, so that it hides no other module.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    importlib.import_module("embedded.watcher").main(*sys.argv[1:])
