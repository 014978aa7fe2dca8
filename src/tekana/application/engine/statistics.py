"""Statistics of a posting engine, for metrics: counts since it was built, and its present state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from tekana.application.commands.command import Command
from tekana.application.engine.envelope import Outcome
from tekana.domain.answers import Answer
from tekana.domain.errors import InvalidRequest, Refused, TekanaError
from tekana.domain.identifiers import HouseRole
from tekana.domain.money import Currency
from tekana.domain.transaction import Rejection, Transaction

OutcomeKind = Literal["succeeded", "replayed", "refused", "failed"]


class CommandOutcome(NamedTuple):
    """How a command ended.

    Attributes:
        command: the name of its type.
        outcome: `replayed` if it was decided before under the same key, `failed` if its outcome may be unknown.
        code: that of the refusal or error; else empty.
    """

    command: str
    outcome: OutcomeKind
    code: str


class EngineStatistics(NamedTuple):
    """Statistics of an engine.

    Attributes:
        outcomes: how many commands ended in each way. Those that were never queued are not counted.
        waiting_commands: how many commands wait to be decided, also for a lock of another process.
        groups_in_flight: how many groups are being decided.
        house_wallet_levels: for each house wallet that this engine has posted to, its balance as a share of the largest
            one that it can have, from 0 to 1, whatever the sign.
    """

    outcomes: Mapping[CommandOutcome, int]
    waiting_commands: int
    groups_in_flight: int
    house_wallet_levels: Mapping[tuple[HouseRole, Currency], float]


class OutcomeCounter:
    """Counts how commands end."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, _Ending], int] = {}

    def count(self, command: Command[Answer], outcome: Outcome | Exception) -> None:
        """Count a command that has ended."""
        key = (command.NAME, _ending(outcome))
        try:
            self._counts[key] += 1
        except KeyError:
            self._counts[key] = 1

    def counts(self) -> dict[CommandOutcome, int]:
        """Return how many commands ended in each way."""
        return {CommandOutcome(name, *ending): count for (name, ending), count in self._counts.items()}


_Ending = tuple[OutcomeKind, str]
_SUCCEEDED: _Ending = ("succeeded", "")
_REPLAYED: _Ending = ("replayed", "")


def _ending(outcome: Outcome | Exception) -> _Ending:
    if not isinstance(outcome, Outcome):
        code = outcome.code if isinstance(outcome, TekanaError) else TekanaError.code
        return "refused" if isinstance(outcome, Refused | InvalidRequest) else "failed", code
    if outcome.replayed:
        return _REPLAYED
    answer = outcome.answer
    rejection = answer.rejection if isinstance(answer, Transaction) else answer
    return ("refused", rejection.code) if isinstance(rejection, Rejection) else _SUCCEEDED
