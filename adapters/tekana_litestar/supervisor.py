"""The parent of several workers: starts them, watches them, and replaces those that end or hang.

A worker is a process with a listener of its own and a pipe on which it reports. It sends `BEAT` once a second from its
event loop, the first one when it accepts connections, and `STOPPING` when it begins to end. So the supervisor notices a
worker that runs but does not work: one that was stopped, whose event loop is blocked, or whose engine cannot recover,
which sends no more beats (see `/health/live`).

A worker that ends is replaced at once, and its connections wait meanwhile. One that ends again soon is replaced after
a delay that doubles; for that long its listener is closed, and the system gives its connections to the other workers.
Only if a worker ends with an error before any has ever served, the supervisor gives up: its settings are wrong.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from tekana_litestar.listeners import Listener
from tekana_litestar.signals import Handler, handling

BEAT: Final = b"."
STOPPING: Final = b"s"

HEARTBEAT_TIMEOUT_SECONDS = 15.0
STARTUP_TIMEOUT_SECONDS = 180.0
STOP_TIMEOUT_SECONDS = 45.0
"""More than a worker takes to let its requests end."""

_STABLE_SECONDS: Final = 30.0  # of service, after which earlier failures no longer count
_DELAY_FIRST_SECONDS: Final = 0.5
_DELAY_MAX_SECONDS: Final = 15.0
_CHECK_INTERVAL_SECONDS: Final = 0.25

_spawn = multiprocessing.get_context("spawn")
_log = logging.getLogger("tekana.supervisor")

RunWorker = Callable[[socket.socket, Connection, int], None]
"""What a worker process runs: it serves on the socket and reports on the connection; the number is its place, from 0.

Must be importable by name."""


class _Worker:
    """One place for a worker: its listener, and the process that has the place now."""

    def __init__(self, run: RunWorker, number: int, listener: Listener, *, owns_listener: bool) -> None:
        self._run = run
        self._number = number
        self._listener = listener
        self._owns_listener = owns_listener
        self._failures = 0
        self._reports: Connection | None = None
        self._deadline = 0.0
        self._served_since: float | None = None
        self.process: SpawnProcess | None = None
        self.start_at = 0.0

    @property
    def has_served(self) -> bool:
        """Whether the present process has accepted connections."""
        return self._served_since is not None

    def waitables(self) -> list[Connection | int]:
        """What becomes ready when there is something to do."""
        if self.process is None or self._reports is None:
            return []
        return [self.process.sentinel, self._reports]

    def start(self, now: float) -> None:
        """Start a process. Raises OSError."""
        reports, child_end = _spawn.Pipe(duplex=False)
        try:
            process = _spawn.Process(target=self._run, args=(self._listener.open(), child_end, self._number))
            with _interrupts_blocked():  # Ctrl-C goes to all processes; the supervisor has the workers end
                process.start()
        except BaseException:
            reports.close()
            raise
        finally:
            child_end.close()
        self.process, self._reports, self._served_since = process, reports, None
        self._deadline = now + STARTUP_TIMEOUT_SECONDS

    def read_reports(self, now: float) -> None:
        """Take what the process has reported."""
        with suppress(EOFError, OSError):
            while self._reports is not None and self._reports.poll():
                if self._reports.recv_bytes() == STOPPING:
                    self._deadline = now + STOP_TIMEOUT_SECONDS
                else:
                    self._deadline = now + HEARTBEAT_TIMEOUT_SECONDS
                    self._served_since = self._served_since or now

    def has_ended(self, now: float) -> str | None:
        """Why the process is no longer there, if so; one that does not report is killed."""
        if self.process is None:
            return None
        pid = self.process.pid
        if self.process.is_alive():
            if now <= self._deadline:
                return None
            self.process.kill()
            self.process.join()
            return f"worker {pid} did not respond and was killed"
        return f"worker {pid} ended with exit code {self.process.exitcode}"

    def clear(self, now: float) -> float:
        """Free the place of a process that has ended. Returns the delay before the next one, in seconds."""
        if self._served_since is not None and now - self._served_since >= _STABLE_SECONDS:
            self._failures = 0
        delay = min(_DELAY_FIRST_SECONDS * 2 ** (self._failures - 1), _DELAY_MAX_SECONDS) if self._failures else 0.0
        self.fail(now, delay)
        self.dispose()
        return delay

    def fail(self, now: float, delay: float = _DELAY_MAX_SECONDS) -> None:
        """Note a failure, and wait before the next start."""
        self._failures += 1
        self.start_at = now + delay
        if delay and self._owns_listener:
            self._listener.close()

    def dispose(self) -> None:
        """Forget the process, which has ended."""
        if self.process is not None:
            self.process.join()
            self.process.close()
        if self._reports is not None:
            self._reports.close()
        self.process = self._reports = None


class Supervisor:
    """Keeps as many workers running as there are places."""

    def __init__(
        self,
        run: RunWorker,
        listeners: Sequence[Listener],
        workers: int,
        *,
        on_ready: Callable[[], None] | None = None,
        on_end: Callable[[int], None] = lambda _: None,
    ) -> None:
        owns = len(listeners) == workers
        self._workers = [
            _Worker(run, number, listeners[number if owns else 0], owns_listener=owns) for number in range(workers)
        ]
        self._on_ready = on_ready
        self._on_end = on_end
        self._ever_served = False
        self._stopping = False
        self._gave_up = False

    def run(self) -> int:
        """Supervise until SIGINT or SIGTERM. Returns the exit code: 0, or 1 if no worker could start."""
        # The number of workers is fixed, so that the signals that change it are ignored.
        ignored = () if sys.platform == "win32" else (signal.SIGTTIN, signal.SIGTTOU)
        handlers: dict[int, Handler] = dict.fromkeys((signal.SIGINT, signal.SIGTERM), self._stop)
        with handling(handlers | dict.fromkeys(ignored, signal.SIG_IGN)):
            while not self._stopping:
                now = time.monotonic()
                for worker in self._workers:
                    self._check(worker, now)
                self._report_ready()
                waitables = [one for worker in self._workers for one in worker.waitables()]
                wait(waitables, _CHECK_INTERVAL_SECONDS) if waitables else time.sleep(_CHECK_INTERVAL_SECONDS)
            self._stop_workers()
        return 1 if self._gave_up else 0

    def hang_up_workers(self) -> None:
        """Send SIGHUP to all workers."""
        for worker in self._workers:
            if worker.process is not None and worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGHUP)

    def _check(self, worker: _Worker, now: float) -> None:
        if worker.process is None:
            if now >= worker.start_at and not self._stopping:
                try:
                    worker.start(now)
                except OSError as error:
                    _log.error("a worker cannot be started: %s", error)
                    worker.fail(now)
            return
        worker.read_reports(now)
        self._ever_served = self._ever_served or worker.has_served
        reason = worker.has_ended(now)
        if reason is None:
            return
        if not self._ever_served and (worker.process.exitcode or 0) > 0:
            _log.error("%s before any worker served", reason)
            self._gave_up = self._stopping = True
            return
        if worker.process.pid is not None:
            self._on_end(worker.process.pid)
        _log.warning("%s; the next one starts in %g s", reason, worker.clear(now))

    def _report_ready(self) -> None:
        if self._on_ready is not None and all(worker.has_served for worker in self._workers):
            self._on_ready()
            self._on_ready = None

    def _stop_workers(self) -> None:
        running = [(worker, process) for worker in self._workers if (process := worker.process) is not None]
        for _, process in running:
            process.terminate()
        ends_at = time.monotonic() + STOP_TIMEOUT_SECONDS
        for worker, process in running:
            process.join(max(0.0, ends_at - time.monotonic()))
            if process.is_alive():
                _log.error("worker %s did not end in time and was killed", process.pid)
                process.kill()
            worker.dispose()

    def _stop(self, *_: object) -> None:
        self._stopping = True


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, and in a process that is started meanwhile."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def report(connection: Connection, message: bytes) -> None:
    """Send a message to the supervisor, if it is there and reads."""
    with suppress(OSError, ValueError):
        connection.send_bytes(message)


def end_with_parent() -> None:
    """Have this worker end, with its requests, once the supervisor was killed: nothing else would end it."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, name="end with the parent", daemon=True).start()
