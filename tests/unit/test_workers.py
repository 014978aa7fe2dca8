"""Workers: restarted after failures, stopped within a time limit, and with a lease run by one process at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import pytest

import tekana
from tekana.application.workers import backoff, leased_worker, worker
from tekana.application.workers import tasks as tasks_module
from tekana.application.workers.leased_worker import LeasedWorker
from tekana.application.workers.worker import PeriodicWorker, Worker, running
from tekana.bootstrap.lifespan import build_local
from tekana.bootstrap.roles import ROLES, workers_of
from tekana.bootstrap.settings import ROLES as SERVED_ROLES
from tekana.domain.errors import Unavailable
from tekana_memory import MemoryStore
from tekana_memory.lease import MemoryLease

PATIENCE = 20.0


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_worker, "LEASE_SECONDS", 0.3)
    for name in ("_RENEW_SECONDS", "_STANDBY_SECONDS", "_NEED_CHECK_SECONDS"):
        monkeypatch.setattr(leased_worker, name, 0.02)
    monkeypatch.setattr(backoff, "FIRST_DELAY_SECONDS", 0.01)
    monkeypatch.setattr(backoff, "MAX_DELAY_SECONDS", 0.02)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class RecordedTasks:
    """Count runs by holder, and concurrent runs. If `failure` is set, it is raised instead."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.at_work = 0
        self.collisions = 0
        self.failure: BaseException | None = None
        self.pause_seconds = 0.005

    async def do(self, holder: str) -> float:
        self.at_work += 1
        try:
            self.collisions += self.at_work > 1
            await asyncio.sleep(0.001)
            if self.failure is not None:
                raise self.failure
            self.done.append(holder)
        finally:
            self.at_work -= 1
        return self.pause_seconds

    def leased(self, store: MemoryStore, holder: str, lease: MemoryLease | None = None) -> LeasedWorker:
        return LeasedWorker("tasks", lease or store.lease("tasks"), lambda _: self.do(holder), holder=holder)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a worker signals nothing
            await asyncio.sleep(0.005)


def failures_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


async def test_a_new_worker_needs_no_change_to_other_files(store: MemoryStore) -> None:
    """Of two processes on one store, the one with the lease works; the other takes over when it ends."""
    tasks = RecordedTasks()
    async with tekana.connect(store=store, workers=[tasks.leased(store, "one")]):
        await until(lambda: len(tasks.done) > 3)
        async with tekana.connect(store=store, workers=[tasks.leased(store, "two")]):
            await asyncio.sleep(0.1)
            assert set(tasks.done) == {"one"}
    tasks.done.clear()
    async with tekana.connect(store=store, workers=[tasks.leased(store, "two")]):
        await until(lambda: "two" in tasks.done)
    done = len(tasks.done)
    await asyncio.sleep(0.05)
    assert len(tasks.done) == done
    assert tasks.collisions == 0


def test_each_role_has_an_entry() -> None:
    assert set(ROLES) == {*SERVED_ROLES, "relay", "webhooks"}


@pytest.mark.parametrize(
    ("role", "settings", "names"),
    [
        ("all", {}, ["webhook queue", "webhook delivery", "webhook encryption", "hold expiry"]),
        (
            "all",
            {"bus_url": "kafka://h:1"},
            ["relay", "webhook queue", "webhook delivery", "webhook encryption", "hold expiry"],
        ),
        ("relay", {"bus_url": "kafka://h:1", "keep_events": 3}, ["relay", "retention"]),
        ("webhooks", {}, ["webhook queue", "webhook delivery", "webhook encryption"]),
        ("wallet", {"bus_url": "kafka://h:1"}, []),
        ("transaction", {"bus_url": "kafka://h:1"}, ["hold expiry"]),
    ],
)
def test_the_workers_of_a_role(role: str, settings: dict[str, object], names: list[str]) -> None:
    container = build_local(tekana.Settings(database_url="memory://", **settings))  # type: ignore[arg-type]
    assert [one.name for one in workers_of(role, container)] == names  # type: ignore[arg-type]


@pytest.mark.parametrize("failure", [Unavailable("it is away"), ValueError("a bug"), asyncio.CancelledError()])
@pytest.mark.parametrize("kind", ["periodic", "leased", "bare"])
async def test_a_failure_is_retried_and_logged_once(
    store: MemoryStore,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    kind: str,
) -> None:
    """A CancelledError raised inside the work is not a request to stop."""
    monkeypatch.setattr(leased_worker, "LEASE_SECONDS", 30.0)  # long enough for a slow machine
    tasks = RecordedTasks()
    tasks.failure = failure

    class Bare:
        name = "tasks"

        async def run(self) -> None:
            while True:
                pause = await tasks.do("me")
                await asyncio.sleep(pause)

    kinds: dict[str, Callable[[], Worker]] = {
        "periodic": lambda: PeriodicWorker("tasks", lambda: tasks.do("me")),
        "leased": lambda: tasks.leased(store, "me"),
        "bare": Bare,
    }
    async with running([kinds[kind]()]):
        await asyncio.sleep(0.2)
        assert len(failures_in(caplog)) == 1
        tasks.failure = None
        await until(lambda: len(tasks.done) > 3)
    if kind != "bare":
        assert [one.rpartition(": ")[2] for one in failures_in(caplog)[1:]] == ["it works again"]
    if kind == "leased":
        assert store.lease("tasks")._row.epoch == 1
    assert tasks.at_work == 0


async def test_a_different_failure_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    tasks = RecordedTasks()
    tasks.failure = Unavailable("it is away")
    async with running([PeriodicWorker("tasks", lambda: tasks.do("me"))]):
        await until(lambda: len(failures_in(caplog)) == 1)
        tasks.failure = ValueError("a bug")
        await until(lambda: len(failures_in(caplog)) == 2)
        await asyncio.sleep(0.1)
    first = ["tasks: it is away; trying until it works", "tasks: failed; trying until it works"]
    assert failures_in(caplog)[:2] == first  # another line comes where the stop meets a failure


async def test_retry_delays_grow_up_to_a_maximum() -> None:
    delays = backoff.Backoff(0.5, 5.0)
    first = [delays.next_delay() for _ in range(8)]
    for delay, most in zip(first, (0.5, 1, 2, 4, 5, 5, 5, 5), strict=True):
        assert 0.8 * most <= delay <= most
    delays.reset()
    assert delays.next_delay() <= 0.5


async def test_stopping_does_not_wait_for_a_worker_that_ignores_cancellation(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "STOP_SECONDS", 0.1)
    end = asyncio.Event()

    class Deaf:
        name = "deaf"

        async def run(self) -> None:
            while not end.is_set():
                with suppress(asyncio.CancelledError):
                    await end.wait()

    began = asyncio.get_running_loop().time()
    async with running([Deaf()]):
        await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - began < 1.0
    assert failures_in(caplog) == ["deaf: did not stop within 0.1 seconds"]
    end.set()


@pytest.mark.parametrize("failure", [Unavailable("away"), RuntimeError("a bug"), ExceptionGroup("two", [ValueError()])])
async def test_a_failed_release_of_the_lease_does_not_block_the_stop(store: MemoryStore, failure: Exception) -> None:
    class Kept(MemoryLease):
        async def release(self, epoch: int) -> None:
            raise failure

    tasks = RecordedTasks()
    work = asyncio.create_task(tasks.leased(store, "me", Kept(store.lease("tasks")._row, store._clock)).run())
    await until(lambda: bool(tasks.done))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE):
            await work


@pytest.mark.parametrize("hangs", [False, True])
async def test_work_ends_when_the_lease_cannot_be_renewed(store: MemoryStore, hangs: bool) -> None:
    """The work ends before another process can acquire the lease."""

    class Unreachable(MemoryLease):
        async def renew(self, epoch: int, seconds: float) -> None:
            if hangs:
                await asyncio.sleep(PATIENCE)
            raise Unavailable("the database is away")

    tasks = RecordedTasks()
    mine = Unreachable(store.lease("tasks")._row, store._clock)
    async with running([tasks.leased(store, "one", mine)]):
        await until(lambda: "one" in tasks.done)
        async with running([tasks.leased(store, "two")]):
            await until(lambda: "two" in tasks.done)
            tasks.done.clear()
            await asyncio.sleep(0.1)
            assert set(tasks.done) == {"two"}
    assert tasks.collisions == 0


async def test_the_next_lease_waits_for_work_of_the_previous_one(store: MemoryStore) -> None:
    """Also if that work ends slowly."""
    at_once, most = 0, 0

    async def slow_to_end(_: int) -> float:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            await asyncio.sleep(0.1)
            at_once -= 1
        return 0.0

    lease = store.lease("tasks")
    async with running([LeasedWorker("tasks", lease, slow_to_end, holder="me")]):
        for epoch in range(1, 4):
            await until(lambda epoch=epoch: at_once == 1 and lease._row.epoch >= epoch)  # type: ignore[misc]
            lease._row.epoch += 1  # as if another process had taken it
            lease._row.expires_at = None
    assert (at_once, most) == (0, 1)


async def test_a_cancellation_that_a_library_suppressed_is_repeated(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks_module, "_CANCEL_AGAIN_SECONDS", 0.05)
    at_work = asyncio.Event()

    async def suppress_first_cancellation(_: int) -> float:
        at_work.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(PATIENCE)
        await asyncio.sleep(PATIENCE)
        return 0.0

    work = asyncio.create_task(
        LeasedWorker("tasks", store.lease("tasks"), suppress_first_cancellation, holder="me").run()
    )
    await at_work.wait()
    work.cancel()
    async with asyncio.timeout(PATIENCE / 2):
        await asyncio.wait([work])
    assert work.cancelled()


async def test_a_worker_that_always_fails_releases_the_lease(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leased_worker, "_HAND_OVER_SECONDS", 0.1)
    sick, well = RecordedTasks(), RecordedTasks()
    sick.failure = Unavailable("no way to the bus from here")
    async with running([sick.leased(store, "sick")]):
        await until(lambda: store.lease("tasks").holder == "sick")
        async with running([well.leased(store, "well")]):
            await until(lambda: len(well.done) > 3)


async def test_no_lease_is_held_while_there_is_nothing_to_do(store: MemoryStore) -> None:
    tasks, lease = RecordedTasks(), store.lease("tasks")
    tasks.pause_seconds = 1000.0
    async with running([tasks.leased(store, "me")]):
        await until(lambda: tasks.done == ["me"] and lease.holder is None)
    needed = False

    async def is_needed() -> bool:
        return needed

    tasks.pause_seconds = 0.005
    epoch = lease._row.epoch
    async with running([LeasedWorker("tasks", lease, lambda _: tasks.do("me"), holder="me", is_needed=is_needed)]):
        await asyncio.sleep(0.1)
        assert (lease._row.epoch, lease.holder) == (epoch, None)
        needed = True
        await until(lambda: lease.holder == "me" and len(tasks.done) > 3)
        needed = False
        await until(lambda: lease.holder is None)


async def test_a_failure_during_the_stop_is_not_retried(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    class Careless:
        name = "careless"

        async def run(self) -> None:
            nonlocal begun
            begun += 1
            try:
                await asyncio.sleep(PATIENCE)
            finally:
                raise RuntimeError("a bug")

    async with running([Careless()]):
        await until(lambda: begun == 1)
    assert begun == 1
    assert failures_in(caplog) == ["careless: could not be stopped cleanly"]


async def test_the_same_failure_during_the_stop_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    class Failing:
        name = "failing"

        async def run(self) -> None:
            nonlocal begun
            begun += 1
            try:
                await asyncio.sleep(0 if begun == 1 else PATIENCE)
            finally:
                raise Unavailable("it is away")

    async with running([Failing()]):
        await until(lambda: begun == 2)
    assert failures_in(caplog) == ["failing: it is away; trying until it works"]


async def test_a_group_of_tasks_that_fails_is_retried(caplog: pytest.LogCaptureFixture) -> None:
    """Some versions of Python leave a task marked as cancelled after a failed task group."""
    done = 0

    async def fail(delay: float) -> None:
        await asyncio.sleep(delay)
        raise Unavailable("it is away")

    async def group() -> float:
        nonlocal done
        if done < 3:
            done += 1
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail(0.001))
                tasks.create_task(fail(0.002))
        done += 1
        return 0.005

    async with running([PeriodicWorker("group", group)]):
        await until(lambda: done > 6)
    assert "it works again" in caplog.text
