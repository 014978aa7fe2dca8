"""The catalog and the page about commands over Kafka list what there is."""

from __future__ import annotations

import re

import msgspec

from tekana import application
from tekana_kafka.address import Address
from tekana_kafka.service_table import COMMANDS, SERVICES
from tests.docs.test_docs import CATALOG, rows

ADDRESS = Address(("host:9092",))


def names(cell: str) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w+|\w+\.\w+", cell))


def test_the_catalog_lists_the_commands_on_every_topic() -> None:
    real = {ADDRESS.commands(topic): {kind.NAME for kind in kinds} for topic, kinds in COMMANDS.items()}
    assert {cells[0].strip("`"): names(cells[1]) for cells in rows(CATALOG, "Topic", "Holds")} == real


def test_the_page_lists_every_topic_and_its_queries() -> None:
    real: dict[str, set[str]] = {ADDRESS.commands(topic): set() for topic in COMMANDS}
    real |= {ADDRESS.queries(service): set(entry.queries) for service, entry in SERVICES.items()}
    real |= {ADDRESS.replies: set(), ADDRESS.dead_commands: set()}
    listed = {cells[0].strip("`"): names(cells[2]) for cells in rows("docs/reference/commands.md", "Topic", "Key")}
    assert listed == real


def test_every_command_goes_over_the_bus() -> None:
    public = [vars(application)[name] for name in application.__all__]
    commands = {one for one in public if isinstance(one, type) and issubclass(one, msgspec.Struct)}
    assert commands == {kind for kinds in COMMANDS.values() for kind in kinds}
