"""`tekana relay` and `tekana outbox`, run as an operator does. Relays on a real bus are tested in tests/kafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tekana.cli.demo_story import show_demo
from tekana.ports.events import FeedEvent
from tekana.ports.parked_events import ParkedEvent
from tekana.testing import builders
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.session import session
from tests.forked import TEKANA, forked
from tests.integration.postgres_support import BEGIN_THE_NEXT_PART, superuser
from tests.integration.test_cli import folder, processes_in, tekana, with_data
from tests.integration.test_cli_failures import run_all
from tests.postgres_stores import postgres_store

__all__ = ["folder", "with_data"]

NOWHERE = "kafka://127.0.0.1:1"


@pytest.fixture
async def url_with_events(postgres_url: str) -> str:
    """Return the URL of a database with the events of the demo."""
    await show_demo(postgres_url)
    return postgres_url


async def feed_of(url: str) -> list[FeedEvent]:
    async with session(url) as app:
        return await every(app.events.list)


async def published_but(url: str, *parked: int) -> list[FeedEvent]:
    """Mark all events as published, except those at these indexes: the first is rejected, the others wait behind it."""
    feed = await feed_of(url)
    store = postgres_store(url)
    outbox = store.outbox("bus")
    epoch = await outbox.lease.acquire("here:1", 60)
    assert epoch is not None
    set_aside = [ParkedEvent(feed[place], None if number else "too large") for number, place in enumerate(parked)]
    await outbox.advance(epoch, feed[-1].cursor, set_aside)
    await store.stop()
    return feed


@pytest.mark.usefixtures("with_data")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_relay_waits_for_its_bus_and_stops_cleanly(folder: Path, number: signal.Signals) -> None:
    command = [*TEKANA, "relay", "--data-dir", str(folder), "--bus-url", NOWHERE]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **forked(command), **pipes, text=True) as relay:
        assert relay.stderr is not None
        lines = [relay.stderr.readline() for _ in range(2)]
        relay.send_signal(number)
        out, err = relay.communicate(timeout=60)
    assert (relay.returncode, out) == (0, "")
    assert lines[0] == f"tekana: relaying from {folder} to Kafka at 127.0.0.1:1\n"
    assert "at work, in epoch 1" in lines[1]
    assert err.splitlines()[-1] == "tekana: stopped"
    assert "Traceback" not in err
    assert processes_in(folder) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("relay",), "say where to publish, with --bus-url or TEKANA_BUS_URL"),
        (("relay", "--bus-url", "kafka://nowhere"), "must be a URL such as kafka://host:9092"),
        (("relay", "--bus-url", "pigeon://home"), "no adapter for 'pigeon' is installed"),
        (("serve", "--bus-url", "nonsense"), "bus_url: must be a URL, such as kafka://host:9092"),
        (("outbox", "replay", "--after", "yesterday"), "cursor"),
        (("outbox", "drop", "--older-than", "long"), "'long' is not a valid integer range"),
        (("relay", "--bus-url", NOWHERE, "--keep-events", "0"), "Invalid value for '--keep-events'"),
    ],
)
def test_invalid_arguments_are_reported(words: tuple[str, ...], message: str, postgres_url: str) -> None:
    [done] = run_all({"": words}, "--database-url", postgres_url).values()
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_outbox_status_of_a_folder_without_data_is_an_error(folder: Path) -> None:
    done = tekana("outbox", "status", "--data-dir", str(folder))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tekana: there are no data in {folder}\n"


@pytest.mark.usefixtures("with_data")
def test_outbox_status_of_a_data_folder(folder: Path) -> None:
    assert tekana("demo", "--data-dir", str(folder)).returncode == 0
    done = tekana("outbox", "status", "--data-dir", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("no relay is at work, in epoch 0; 13 unpublished, the oldest for ")
    assert done.stdout.endswith(" s; 0 parked; at cursor none yet\n")


async def test_status_as_json(url_with_events: str) -> None:
    feed = await feed_of(url_with_events)
    [line] = tekana("outbox", "status", "--json", "--database-url", url_with_events).stdout.splitlines()
    before = json.loads(line)
    oldest = before.pop("oldest")
    assert oldest.startswith(feed[0].event.occurred_at.isoformat()[:19])
    assert before == {"holder": None, "epoch": 0, "cursor": None, "unpublished": 13, "parked": 0}
    await published_but(url_with_events)
    after = json.loads(tekana("outbox", "status", "--json", "--database-url", url_with_events).stdout)
    assert after == {
        "holder": "here:1",
        "epoch": 1,
        "cursor": feed[-1].cursor,
        "unpublished": 0,
        "oldest": None,
        "parked": 0,
    }


async def test_parked_events_are_listed_and_redriven(url_with_events: str) -> None:
    feed = await published_but(url_with_events, 0, 2)
    listed = [
        json.loads(line) for line in tekana("outbox", "list", "--database-url", url_with_events).stdout.splitlines()
    ]
    assert [(one["cursor"], one["type"], one["reason"]) for one in listed] == [
        (feed[0].cursor, "CustomerRegistered", "too large"),
        (feed[2].cursor, type(feed[2].event).__name__, "waits behind one that is parked"),
    ]
    only = tekana(
        "outbox", "redrive", "--aggregate", listed[0]["id"].partition(":")[0], "--database-url", url_with_events
    )
    both = tekana("outbox", "redrive", "--database-url", url_with_events)
    assert only.stdout == "tekana: 1 events will be tried once more\n"
    assert both.stdout == "tekana: 2 events will be tried once more\n"


async def test_replay_publishes_the_events_again(url_with_events: str) -> None:
    feed = await published_but(url_with_events)
    since = tekana("outbox", "replay", "--after", feed[0].cursor, "--database-url", url_with_events)
    assert since.stdout == f"tekana: everything after {feed[0].cursor} will be published again\n"
    assert "12 unpublished" in tekana("outbox", "status", "--database-url", url_with_events).stdout
    whole = tekana("outbox", "replay", "--database-url", url_with_events)
    assert whole.stdout == "tekana: everything that is kept will be published again\n"
    assert (
        "no relay is at work, in epoch 3; 13 unpublished"
        in tekana("outbox", "status", "--database-url", url_with_events).stdout
    )


async def test_drop_removes_old_events(url_with_events: str) -> None:
    async with superuser(url_with_events) as connection:
        await connection.execute(BEGIN_THE_NEXT_PART)
    async with session(url_with_events) as app:
        await app.execute(builders.person())
    feed = await published_but(url_with_events)
    words = ("outbox", "drop", "--database-url", url_with_events, "--older-than")
    assert tekana(*words, "1").stdout == "tekana: the places of 0 transactions were dropped from the outbox\n"
    done = tekana(*words, "0")
    assert done.stdout == "tekana: the places of 6 transactions were dropped from the outbox\n"
    assert done.stderr == "tekana: 6 transactions dropped so far\n"
    assert [one.event for one in await feed_of(url_with_events)] == [one.event for one in feed[-2:]]
    late = tekana("outbox", "replay", "--after", feed[0].cursor, "--database-url", url_with_events)
    assert "not kept any more" in late.stderr
    assert tekana("audit", "--database-url", url_with_events).returncode == 0


STUCK = """
import asyncio, sys, time
from tekana.application.workers.worker import PeriodicWorker
from tekana.bootstrap import roles
from tekana.cli import main, worker_process

async def deaf():
    print("at work", flush=True)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def busy():
    print("at work", flush=True)
    time.sleep(60)

worker_process.GRACE_SECONDS = 1.0
work = {"deaf": deaf, "busy": busy}[sys.argv.pop(1)]
roles.ROLES["webhooks"] = roles.RoleDefinition(workers=(lambda _: (PeriodicWorker("stuck", work),),))
main()
"""


@pytest.mark.parametrize("kind", ["deaf", "busy"])
def test_a_process_whose_worker_does_not_stop_ends_within_its_grace(kind: str) -> None:
    command = [sys.executable, "-c", STUCK, kind, "webhooks", "--database-url", "memory://"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **forked(command), **pipes, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "tekana: did not stop within 1 seconds"
