"""Errors: stable codes, and the tree in the docstring matches the classes."""

import re

import msgspec
import pytest

from tekana.domain import errors
from tekana.domain.errors import (
    FieldError,
    InsufficientFunds,
    InvalidRequest,
    Refused,
    RuleRefused,
    StateConflict,
    TekanaError,
    invalid,
    rebuild_refusal,
)
from tekana.domain.transaction import Rejection
from tekana.testing import builders
from tests.unit.golden_rows import GOLDEN

CODES: dict[str, str] = GOLDEN["codes"]
"""Clients depend on these codes. A code is never changed or reused."""

CLASSES = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TekanaError)
}
LEAVES = [kind for kind in CLASSES.values() if issubclass(kind, Refused) and not kind.__subclasses__()]


def test_codes_never_change() -> None:
    assert {name: kind.code for name, kind in CLASSES.items()} == CODES


def test_the_tree_in_the_docstring_matches_the_classes() -> None:
    """The base of each line's class is the nearest less indented class above it. The docstring omits `Refused`."""
    assert errors.__doc__ is not None
    above: list[tuple[int, str]] = []
    drawn = {}
    for line in errors.__doc__.splitlines():
        if not (found := re.match(r"    ([│├└─ ]*)([A-Z]\w+)(?:\s+([a-z_]+)\b)?", line)):
            continue
        depth, name, code = len(found[1]), found[2], found[3]
        above = [one for one in above if one[0] < depth]
        drawn[name] = above[-1][1] if above else None
        above.append((depth, name))
        if code and code == code.lower() and "_" in code:
            assert CODES[name] == code
    real = {}
    for name, kind in CLASSES.items():
        [parent] = [base for base in kind.__bases__ if issubclass(base, TekanaError)] or [None]
        real[name] = parent and ("TekanaError" if parent is Refused else parent.__name__)
    del real["Refused"]
    assert drawn == real


@pytest.mark.parametrize("kind", LEAVES)
def test_a_stored_refusal_is_rebuilt_with_its_class(kind: type[Refused]) -> None:
    again = rebuild_refusal(builders.book().rejection(kind("because")))
    assert type(again) is kind
    assert (str(again), again.code) == ("because", kind.code)
    assert (again.transaction, again.request_id, again.replayed) == (None, "a request", False)


def test_every_refusal_has_a_unique_stable_stored_name() -> None:
    refusals = {kind for kind in CLASSES.values() if issubclass(kind, Refused)}
    assert {kind.NAME: kind for kind in refusals} == {kind.__name__: kind for kind in refusals}


class DailyLimit(RuleRefused):
    code = "daily_limit"

    def __init__(self, left: int, currency: str) -> None:
        super().__init__(f"only {left} {currency} are left for today")


class TooYoung(StateConflict):
    NAME = "a partner's TooYoung"
    code = "too_young"


@pytest.mark.parametrize(
    ("refusal", "name", "family"),
    [(DailyLimit(5, "RWF"), "daily_limit", RuleRefused), (TooYoung("no"), "a partner's TooYoung", StateConflict)],
)
def test_a_partners_refusal_keeps_its_code_without_its_class(
    refusal: Refused, name: str, family: type[Refused]
) -> None:
    stored = builders.book().rejection(refusal)
    assert stored == (name, refusal.code, str(refusal), "a request", family.NAME, None)
    assert type(rebuild_refusal(stored)) is type(refusal)
    elsewhere = rebuild_refusal(stored._replace(error="a name that this process does not know"))
    for again in (rebuild_refusal(stored), elsewhere):
        assert (str(again), again.code, again.request_id) == (str(refusal), refusal.code, "a request")
    assert type(elsewhere) is family


def test_a_refusal_of_an_unknown_family_is_a_rule_refused() -> None:
    """Also a refusal that was stored before families existed."""
    for family in (None, "a family that this process does not know"):
        again = rebuild_refusal(Rejection("Sanctioned", "sanctioned", "because", None, family))
        assert (type(again), again.code, str(again)) == (RuleRefused, "sanctioned", "because")


def test_refusals_stored_by_release_0_1_have_four_fields() -> None:
    stored = b'["InsufficientFunds","insufficient_funds","not that much","a request"]'
    again = rebuild_refusal(msgspec.json.decode(stored, type=Rejection))
    assert (type(again), again.request_id) == (InsufficientFunds, "a request")


def test_invalid_input_names_its_fields() -> None:
    error = InvalidRequest(FieldError("a", "is wrong"), FieldError("b.c", "is missing"))
    assert error.errors == (("a", "is wrong"), ("b.c", "is missing"))
    assert str(error) == "a: is wrong; b.c: is missing"
    assert isinstance(error, ValueError)
    assert invalid("a", "is wrong").errors == (("a", "is wrong"),)


@pytest.mark.parametrize("kind", CLASSES.values())
def test_every_class_has_a_docstring(kind: type[TekanaError]) -> None:
    assert kind.__doc__
