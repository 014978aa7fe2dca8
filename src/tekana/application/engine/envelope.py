"""What the engine takes and gives: a command with its sender, and the outcome."""

from __future__ import annotations

from sys import getsizeof
from typing import NamedTuple

from tekana.application.commands.command import Command
from tekana.domain.answers import Answer
from tekana.domain.caller import Caller
from tekana.domain.value import value

# In memory, for a command that waits: the envelope, the future, and the request that waits for it.
_COMMAND_BYTES = 2_500
_METADATA_ITEM_BYTES = 100


@value()
class Envelope:
    """A command with its sender.

    `key` is the caller's idempotency key; without one the engine makes one up, so that its own retries never do a thing
    twice. `request_id` names the request in records and logs; `address` is the one that it came from.
    """

    command: Command[Answer]
    caller: Caller
    key: str | None = None
    request_id: str | None = None
    address: str | None = None


class Outcome(NamedTuple):
    """What a command led to, and whether that was decided before, under the same key."""

    answer: Answer
    replayed: bool


def estimate_bytes(command: object) -> int:
    """Estimate how much memory a command takes while it waits. Only its metadata can be large."""
    metadata = getattr(command, "metadata", None)
    if not isinstance(metadata, dict):
        return _COMMAND_BYTES
    contents = sum(getsizeof(name) + getsizeof(value) for name, value in metadata.items())
    return _COMMAND_BYTES + _METADATA_ITEM_BYTES * len(metadata) + contents
