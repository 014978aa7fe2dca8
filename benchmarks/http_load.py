"""Generate load over HTTP with wrk where it is installed, else with `benchmarks.client`: the same requests."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import uuid
from http.client import HTTPConnection
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks import client
from benchmarks.client import LoadReport
from benchmarks.engine import Load
from benchmarks.processes import ROOT, end_with_parent

Kind = Literal["random", "hot", "deposit", "batch", "wallet"]

OURS = "benchmarks/client.py"
GENERATOR = "wrk" if shutil.which("wrk") else OURS
CONNECTIONS: dict[Kind, int] = {"random": 256, "hot": 256, "deposit": 256, "wallet": 256, "batch": 8}

_SCRIPT = Path(__file__).with_name("requests.lua")


class NotAnswered(Exception):
    """Requests got an unexpected response, or none."""


class Running:
    """A load that is running."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._cpu_seconds = _cpu_seconds()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def finish(self) -> Load:
        """Wait until it ends, and return its figures. Raises NotAnswered if a request failed or was refused."""
        report = self.report()
        if report.failed or report.refused or not report.answered:
            failed = report.failed + report.refused
            raise NotAnswered(f"{failed:,} requests failed, {report.answered:,} were answered")
        share = (report.cpu_seconds or 0) / report.seconds
        return Load(report.answered / report.seconds, report.p50_ms, report.p99_ms, report.answered, share)

    def report(self) -> LoadReport:
        """Wait until it ends, and return the generator's report. Raises NotAnswered if the generator itself failed."""
        output, _ = self._process.communicate()
        line = next((line for line in output.splitlines() if line.startswith("{")), None)
        if self._process.returncode or line is None:
            raise NotAnswered(f"the generator of load ended with {self._process.returncode}")
        report = msgspec.json.decode(line, type=LoadReport)
        if report.cpu_seconds is None:
            report.cpu_seconds = _cpu_seconds() - self._cpu_seconds
        return report


def start(
    port: int,
    kind: Kind,
    wallets: int,
    seconds: float,
    *,
    connections: int | None = None,
    generator: str | None = None,
) -> Running:
    """Start to send requests over `connections` connections; each waits for a response before its next request."""
    connections = connections or CONNECTIONS[kind]
    words = [kind, str(wallets), uuid.uuid4().hex]
    if (generator or GENERATOR) == "wrk":
        options = ["--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s", "--timeout=30s"]
        command = ["wrk", *options, f"--script={_SCRIPT}", f"http://127.0.0.1:{port}", "--", *words]
    else:
        command = [sys.executable, "-m", "benchmarks.client", str(port), str(connections), str(seconds), *words]
    return Running(
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - it takes no lock
        )
    )


def run(port: int, kind: Kind, wallets: int, seconds: float) -> Load:
    """Send requests for `seconds`. Raises NotAnswered if one failed."""
    with start(port, kind, wallets, seconds) as running:
        return running.finish()


def _cpu_seconds() -> float:
    """Return the CPU time of all ended child processes, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def status_of_one(port: int, kind: Kind, wallets: int) -> int:
    """Send one request, and return the status of its response."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        method, path, headers, body = client.request(kind, wallets, uuid.uuid4().hex)
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
