"""The guide to production as pasted: its SQL and its commands, on a real PostgreSQL with TLS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.integration.tcp_postgres import PASSWORD, TcpPostgres, tcp_postgres, tls_programs
from tests.serving import free_port

GUIDE = Path(__file__).resolve().parents[2] / "docs/how-to/run-in-production.md"
PROGRAMS = Path(sys.executable).parent


def blocks(language: str, section: str = "Three users of the database") -> list[str]:
    """Return the code blocks of a section."""
    section = GUIDE.read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[TcpPostgres]:
    with tcp_postgres(tls_programs(), tls=True, durable=True) as server:
        yield server


def start(script: str, server: TcpPostgres, folder: Path, port: int = 0) -> subprocess.Popen[str]:
    """Run a block in bash, with this machine's addresses and files for those of the guide."""
    script = script.replace("db.example.com:5432", f"127.0.0.1:{server.port}")
    script = script.replace("/etc/tekana/database-ca.pem", str(server.authority)).replace("/etc/tekana", str(folder))
    script = script.replace("--host 0.0.0.0 --port 3333", f"--port {port}").replace("tekana serve", "exec tekana serve")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEKANA_")}
    environment |= {"PATH": os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])}
    return subprocess.Popen(
        ["bash", "-eu", "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(script: str, server: TcpPostgres, folder: Path, notes: str = "") -> str:
    """Run a block to its end, and return its output. `notes` matches what it writes to standard error."""
    process = start(script, server, folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert re.fullmatch(notes, err), err
    return out


def psql(server: TcpPostgres, script: str, user: str = "postgres", password: str = PASSWORD, database: str = "") -> str:
    done = subprocess.run(
        [tls_programs() / "psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", database or "postgres"],
        input=script,
        env={**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": user, "PGPASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_guide_works_as_pasted(server: TcpPostgres, tmp_path: Path) -> None:
    (sql,) = blocks("sql")
    migrate, serve, audit = blocks("sh")
    assert psql(server, sql) == ""
    assert "tekana: migrated" in run(migrate, server, tmp_path)

    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    process = start(serve, server, tmp_path, free_port())
    try:
        assert process.stderr
        lines = [process.stderr.readline() for _ in range(2)]
        assert "(Ctrl-C stops)" in lines[1], lines
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()
    assert run(audit, server, tmp_path).endswith("tekana: the ledger is whole\n")

    (keys,) = blocks("sh", "The first keys")
    printed = run(keys, server, tmp_path, r"(tekana: the key \S+ of the tenant \S+ cannot be shown again\n){2}")
    assert re.fullmatch(r"(tk_\w+\n){2}", printed)
    entries = (
        "SELECT string_agg(action || ' ' || (after ->> 'kind'), ', ' ORDER BY id) FROM audit_log WHERE action ~ 'Key'"
    )
    assert psql(server, entries, database="wallets") == "CreateApiKey operator, CreateApiKey partner\n"

    refused = "permission denied for table "
    for user, statement in (
        ("server", "UPDATE entries SET amount = 1"),
        ("server", "DELETE FROM transactions"),
        ("server", "TRUNCATE outbox"),
        ("auditor", "SELECT key FROM customer_details"),
        ("auditor", "SELECT encrypted FROM customer_answers"),
        ("auditor", "SELECT secret FROM webhook_endpoints"),
        ("auditor", "DELETE FROM customers"),
    ):
        assert refused in psql(server, statement, f"wallet_{user}", f"password-of-the-{user}", "wallets"), statement
    owner = psql(server, "SELECT tableowner FROM pg_tables WHERE tablename = 'entries'", database="wallets")
    assert owner == "wallet_migrator\n"


def test_the_migrator_may_not_serve_in_production(server: TcpPostgres, tmp_path: Path) -> None:
    serve = blocks("sh")[1].replace("wallet_server:password-of-the-server", "wallet_migrator:password-of-the-migrator")
    process = start(serve.replace("--tls-cert", "--docs off --tls-cert"), server, tmp_path, free_port())
    _, err = process.communicate(timeout=60)
    reason = "database_url: has the user wallet_migrator, who owns the tables and may change history"
    assert (process.returncode, err) == (2, f"tekana: refused in production: {reason}\n")
