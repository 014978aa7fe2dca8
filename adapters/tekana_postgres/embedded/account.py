"""The operating system account of the server, and commands that run as it."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any, NamedTuple


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be started or stopped; the message gives the reason and a remedy."""


class Account(NamedTuple):
    """The unprivileged OS account of PostgreSQL, used if this process is root."""

    uid: int
    gid: int


def choose_account(data: Path) -> Account | None:
    """Return the account to run the server as; None for that of this process.

    For root it is the owner of the data, else the account that TEKANA_PG_OS_USER names, else `postgres` or `nobody`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    wanted = os.environ.get("TEKANA_PG_OS_USER")
    names = [wanted] if wanted else ["postgres", "nobody"]
    for name in names:
        with contextlib.suppress(KeyError):
            return Account(*pwd.getpwnam(name)[2:4])
    hint = "name one by TEKANA_PG_OS_USER, or give --database-url"
    raise EmbeddedPostgresError(f"PostgreSQL refuses to run as root, and no account {' or '.join(names)}: {hint}")


def run_as(account: Account | None, command: list[str], cwd: Path = Path("/"), locks: tuple[int, ...] = ()) -> str:
    """Run a command as an account, without signals of the terminal, and return its output.

    Args:
        account: the account; None for that of this process.
        command: the program and its arguments.
        cwd: the folder to run it in.
        locks: descriptors of locks for the command to inherit.

    Raises:
        EmbeddedPostgresError: the command failed; the message ends with its output.
    """
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    # Not the whole environment: it may contain secrets of the application, and other programs may use the account.
    environment = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ} | {"LC_ALL": "C"}
    done = subprocess.run(  # noqa: S603 - no shell, and no input
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=cwd,
        env=environment,
        pass_fds=locks,
        start_new_session=True,
        **identity,
    )
    output = os.fsdecode(done.stdout)
    if done.returncode:
        raise EmbeddedPostgresError(f"{command[0]} failed ({done.returncode}):\n{output[-2000:]}")
    return output


def closed_folder(account: Account, path: Path) -> str:
    """Return the first parent folder of `path`, or itself, that the account cannot enter, or "". Considers ACLs."""
    script = 'for d; do cd "$d" 2>/dev/null || { printf %s "$d"; break; }; done'
    return run_as(account, ["/bin/sh", "-c", script, "sh", *map(str, reversed(path.parents)), str(path)])
