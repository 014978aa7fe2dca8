"""Load over HTTP: wrk where it is installed, else a generator of our own; the same requests, the same line of JSON."""

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
from benchmarks.client import Told
from benchmarks.engine import Load
from benchmarks.processes import ROOT, end_with_parent

Kind = Literal["random", "hot", "batch", "wallet"]

OURS = "benchmarks/client.py"
GENERATOR = "wrk" if shutil.which("wrk") else OURS
CONNECTIONS: dict[Kind, int] = {"random": 256, "hot": 256, "wallet": 256, "batch": 8}

_SCRIPT = Path(__file__).with_name("requests.lua")


class NotAnswered(Exception):
    """Requests were answered otherwise than they must be, or not at all."""


class Running:
    """A load that is on its way."""

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
        """Whether it is over."""
        return self._process.poll() is not None

    def finish(self) -> Load:
        """Wait until it is over. Raises NotAnswered if a single request failed or was refused."""
        told = self.told()
        if told.failed or told.refused or not told.answered:
            failed = told.failed + told.refused
            raise NotAnswered(f"{failed:,} requests failed, {told.answered:,} were answered")
        share = (told.cpu_seconds or 0) / told.seconds
        return Load(told.answered / told.seconds, told.p50_ms, told.p99_ms, told.answered, share)

    def told(self) -> Told:
        """Wait until it is over, and tell all of it. Raises NotAnswered if the generator itself failed."""
        output, _ = self._process.communicate()
        line = next((line for line in output.splitlines() if line.startswith("{")), None)
        if self._process.returncode or line is None:
            raise NotAnswered(f"the generator of load ended with {self._process.returncode}")
        told = msgspec.json.decode(line, type=Told)
        if told.cpu_seconds is None:
            told.cpu_seconds = _cpu_seconds() - self._cpu_seconds
        return told


def start(
    port: int,
    kind: Kind,
    wallets: int,
    seconds: float,
    *,
    connections: int | None = None,
    generator: str | None = None,
) -> Running:
    """Begin to send requests, over so many connections that each wait for their answer before they send again."""
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
    """Send requests for so long. Raises NotAnswered if a single one failed."""
    with start(port, kind, wallets, seconds) as running:
        return running.finish()


def _cpu_seconds() -> float:
    """The CPU time of every load that is over, and of whatever else was started here and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def status_of_one(port: int, kind: Kind, wallets: int) -> int:
    """Send one request, and give its answer's status."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        method, path, headers, body = client.request(kind, wallets, uuid.uuid4().hex)
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
