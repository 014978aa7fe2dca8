"""HTTPS: `tekana serve` with a certificate, which a signal replaces, with one worker and with several."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import trustme

from tests.docker.dockerfile import image
from tests.environment import environment as clean_environment
from tests.forked import TEKANA, forked
from tests.integration.http_support import registration
from tests.keys import BEARER
from tests.serving import free_port


class Certificate(NamedTuple):
    """The files of a certificate, which a test may replace."""

    cert: Path
    key: Path
    authority: trustme.CA

    def issue(self) -> int:
        """Write a new certificate and its key. Return its serial number."""
        issued = self.authority.issue_cert("127.0.0.1")
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        text = ssl._ssl._test_decode_cert(str(self.cert))["serialNumber"]  # type: ignore[attr-defined]
        return int(text, 16)

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    found = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem", trustme.CA())
    found.issue()
    return found


@contextlib.contextmanager
def served(url: str, certificate: Certificate, workers: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    variables = clean_environment()
    words = [*TEKANA, "serve", "--database-url", url, "--port", str(port), "--workers", str(workers)]
    words += ["--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key)]
    process = subprocess.Popen(words, **forked(words, variables), stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        for line in process.stderr:
            if "Ctrl-C stops" in line:
                assert line.startswith(f"tekana: https://127.0.0.1:{port}  docs: https://127.0.0.1:{port}/api")
                break
        yield process, port
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


def serial_number(port: int, context: ssl.SSLContext) -> int:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        found = connection.getpeercert()
    assert found is not None
    return int(str(found["serialNumber"]), 16)


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_are_answered_over_tls(certificate: Certificate, postgres_url: str, workers: int) -> None:
    with (
        served(postgres_url, certificate, workers) as (_, port),
        httpx.Client(verify=certificate.trusting(), base_url=f"https://127.0.0.1:{port}", headers=BEARER) as client,
    ):
        created = client.post("/v1/customers", json=registration())
        assert created.status_code == 201
        wallet = created.json()["wallets"][0]["id"]
        deposit = {"type": "deposit", "wallet_id": wallet, "amount": "1500", "currency": "RWF"}
        for key in ("a", "a", "b"):  # a hot route
            moved = client.post("/v1/transactions", json=deposit, headers={"Idempotency-Key": key})
            assert moved.status_code == 201, moved.text
        read = client.get(f"/v1/wallets/{wallet}")
        assert read.json()["ledger_balance"] == "3000"
        for answer in (created, moved, read, client.get("/nothing"), client.get("/api")):
            assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
        too_large = client.post("/v1/customers", content=b"x" * 100_000, headers={"Content-Type": "application/json"})
        assert too_large.status_code == 413
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/health/live")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"https://127.0.0.1:{port}/health/live")  # an unknown authority
        assert client.get("/health/live").status_code == 200


def test_the_health_check_of_the_image_works_with_tls(certificate: Certificate) -> None:
    """It verifies no certificate, as that names another host than 127.0.0.1."""
    with served("memory://", certificate, 1) as (_, port):
        variables = {**os.environ, "TEKANA_PORT": str(port), "TEKANA_TLS_CERT": str(certificate.cert)}
        done = subprocess.run(image().check, env=variables, capture_output=True, check=False, text=True)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_replaces_the_certificate(certificate: Certificate, postgres_url: str, workers: int) -> None:
    context = certificate.trusting()
    with (
        served(postgres_url, certificate, workers) as (process, port),
        httpx.Client(verify=context, base_url=f"https://127.0.0.1:{port}") as client,
    ):
        before = serial_number(port, context)
        assert client.get("/health/live").status_code == 200
        new = certificate.issue()
        assert new != before
        process.send_signal(signal.SIGHUP)
        wait_for_serial_number(port, context, new)
        assert client.get("/health/live").status_code == 200  # on the same connection

        certificate.key.write_text("not a key")
        process.send_signal(signal.SIGHUP)
        assert process.stderr
        lines = [process.stderr.readline() for _ in range(workers + 1)]
        assert any("the certificate was not replaced: tls_cert: or tls_key cannot be used" in one for one in lines)
        assert serial_number(port, context) == new


def wait_for_serial_number(port: int, context: ssl.SSLContext, number: int) -> None:
    """Wait until every worker has the certificate: the system distributes connections among them."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if all(serial_number(port, context) == number for _ in range(12)):
            return
        time.sleep(0.1)
    raise AssertionError("the certificate was not replaced")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tls-cert", "none.pem"), "tekana: tls_key: is missing: TLS needs both files\n"),
        (
            ("--tls-cert", "none.pem", "--tls-key", "none.pem"),
            "tekana: tls_cert: or tls_key cannot be used: No such file or directory\n",
        ),
    ],
)
def test_files_that_cannot_be_used_are_refused(arguments: tuple[str, ...], message: str) -> None:
    command = [*TEKANA, "serve", "--database-url", "memory://", "--port", str(free_port()), *arguments]
    done = subprocess.run(command, **forked(command), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.endswith(message)
