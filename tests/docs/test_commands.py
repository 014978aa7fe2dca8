"""The page about commands over Kafka lists what there is."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from tekana import application
from tekana_kafka.address import Address
from tekana_kafka.service_table import COMMANDS, SERVICES
from tekana_kafka.webhook_commands import WebhookCommand

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def listed() -> dict[str, set[str]]:
    """What each topic holds, as the table says."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text("utf-8").splitlines()]
    topics = {cells[0].strip("`"): cells[2] for cells in rows if cells and cells[0].startswith("`tekana.")}
    return {topic: set(re.findall(r"[A-Z]\w+|\w+\.\w+", held)) for topic, held in topics.items()}


def test_every_topic_with_all_that_it_holds() -> None:
    address = Address(("host:9092",))
    real: dict[str, set[str]] = {}
    for topic, kinds in COMMANDS.items():
        real[address.commands(topic)] = {kind.NAME for kind in kinds}
    for service, entry in SERVICES.items():
        real[address.queries(service)] = set(entry.queries)
    assert listed() == {**real, address.replies: set(), address.dead_commands: set()}


def test_every_command_goes_over_the_bus() -> None:
    public = [vars(application)[name] for name in application.__all__]
    commands = {one for one in public if isinstance(one, type) and issubclass(one, msgspec.Struct)}
    assert commands == {kind for kinds in COMMANDS.values() for kind in kinds if not issubclass(kind, WebhookCommand)}
