"""The page docs/reference/catalog.md: every command, reader, problem and event, from what the code declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from event_contract import MESSAGES, TOPICS

from tekana.application.commands import COMMANDS, MONEY_COMMANDS
from tekana.application.commands.command import MoneyFields
from tekana.application.event_schema import event_meaning
from tekana.domain import errors
from tekana.domain.errors import TekanaError
from tekana.domain.events import EVENT_TYPES
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.ports.readers import READERS, Reader
from tekana_kafka import service_table
from tekana_kafka.address import Address
from tekana_litestar import problems as http_problems

HEAD = """\
# Catalog

Every command, type of transaction, reader, problem and event, written from the code by `uv run nox -s reference`.
What is true of all of them is in [HTTP reference](http.md), [Commands over Kafka](commands.md) and [Events](events.md).

- [Types of transactions](#types-of-transactions) · [Commands](#commands) · [Readers](#readers) · [Problems](#problems)
- [Topics of commands](#topics-of-commands) · [Events](#events)
- [Every event, with an example](#every-event-with-an-example)

A `?` after a field marks one that may be left out.
"""


def page() -> str:
    """Return the text of the page."""
    return "\n".join(
        (HEAD, *transaction_types(), *commands(), *readers(), *problems(), *topics(), *events(), *examples())
    )


def transaction_types() -> Iterator[str]:
    yield "## Types of transactions\n"
    common = [one.name for one in msgspec.structs.fields(MoneyFields) if not one.required]
    yield "What `POST /v1/transactions` takes, by its `type`."
    yield f"Each may add {', '.join(f'`{name}`' for name in common)}.\n"
    yield from table(
        ("`type`", "Takes", "Does", "Command", "Event"),
        (
            (
                f"`{name}`",
                f"`{{{', '.join(field for field in fields(kind) if field.strip('?') not in common)}}}`",
                meaning(kind),
                kind.NAME,
                f"[{TRANSACTION_TYPES[name].event.NAME}](#{TRANSACTION_TYPES[name].event.NAME.lower()})",
            )
            for name, kind in MONEY_COMMANDS.items()
        ),
    )


def commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "Each needs a scope, and may be refused with the codes named here."
    yield "A [batch](http.md#batches) holds many that move money.\n"
    yield from table(
        ("Command", "Does", "Fields", "Scope", "Refused with"),
        (
            (name, meaning(kind), f"`{{{', '.join(fields(kind))}}}`", f"`{kind.SCOPE}`", codes(kind))
            for name, kind in COMMANDS.items()
        ),
    )


def readers() -> Iterator[str]:
    yield "## Readers\n"
    yield "Attributes of a session in Python, such as `session.wallets.get(…)`. Each needs a scope."
    yield "A gateway sends the queries to a service over [Kafka](commands.md#topics).\n"
    yield from table(
        ("Query", "Does", "Scope", "Service"),
        (
            (
                f"`{one.name}.{query}`",
                meaning(getattr(one.port, query)),
                " and ".join(f"`{scope}`" for scope in scopes_of(one)),
                one.service,
            )
            for one in READERS
            for query in one.queries
        ),
    )


def scopes_of(reader: Reader[Any]) -> Iterator[str]:
    yield reader.scope
    if reader.all_tenants:
        yield "tenants:all"


def problems() -> Iterator[str]:
    yield "## Problems\n"
    yield "What is not done is answered over HTTP with a [problem](http.md#problems) that has one of these codes.\n"
    meanings: dict[tuple[int, str], str] = {}
    for kind in kinds_of(TekanaError):
        if kind is errors.ApprovalPending:  # no problem: 202
            continue
        if (
            kind in vars(errors).values() or kind.__module__ == http_problems.__name__
        ) and kind.code != TekanaError.code:
            meanings.setdefault((http_problems.status_of(kind), kind.code), meaning(kind))
    yield from table(
        ("Code", "Status", "When"),
        ((f"`{code}`", str(status), text) for (status, code), text in sorted(meanings.items())),
    )


def kinds_of(kind: type[TekanaError]) -> Iterator[type[TekanaError]]:
    """Return the classes below this one, the nearest ones first."""
    level = kind.__subclasses__()
    while level:
        yield from level
        level = [child for one in level for child in one.__subclasses__()]


def topics() -> Iterator[str]:
    yield "## Topics of commands\n"
    yield "On [Kafka](commands.md#topics), where `tekana` is a prefix that the operator can set.\n"
    address = Address(())
    yield from table(
        ("Topic", "Holds"),
        (
            (f"`{address.commands(topic)}`", ", ".join(kind.NAME for kind in kinds))
            for topic, kinds in service_table.COMMANDS.items()
        ),
    )


def events() -> Iterator[str]:
    yield "## Events\n"
    yield from table(
        ("Event", "Topic", "Means"),
        (
            (f"[{name}](#{name.lower()})", f"`{TOPICS[kind.aggregate]}`", event_meaning(name))
            for name, kind in EVENT_TYPES.items()
        ),
    )


def examples() -> Iterator[str]:
    """Return one message of each type, as a consumer gets it."""
    yield "## Every event, with an example\n"
    yield from map(example, EVENT_TYPES)


def example(name: str) -> str:
    message = MESSAGES[name]
    headers = "\n".join(f"{header}: {value.decode()}" for header, value in sorted(message.headers))
    value = json.dumps(json.loads(message.value), indent=2)
    return f"""### {name}

{event_meaning(name)} [Schema](../events/{name}.json)

```text
topic: {TOPICS[message.aggregate]}
key: {message.key.decode()}

{headers}
```

```json
{value}
```
"""


def fields(kind: Any) -> list[str]:
    """Return the names of a command's fields, identifiers first, with ? after those that may be left out."""
    own = sorted(msgspec.structs.fields(kind), key=lambda one: one.name not in kind.IDS)
    return [one.name if one.required else f"{one.name}?" for one in own]


def codes(kind: Any) -> str:
    """Return the codes of a command's refusals, each once."""
    return ", ".join(f"`{code}`" for code in dict.fromkeys(refusal.code for refusal in kind.REFUSALS))


def meaning(kind: object) -> str:
    """Return the first paragraph of a docstring, in one line."""
    return re.sub(r"\s+", " ", (kind.__doc__ or "").split("\n\n")[0]).strip()


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Return the lines of a Markdown table, and an empty one."""
    for cells in (header, ("---",) * len(header), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""
