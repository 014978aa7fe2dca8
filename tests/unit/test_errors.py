"""Errors: the codes are promised, and the tree in the docstring is the tree of the classes."""

import re

import pytest

from tekana.domain import errors
from tekana.domain.errors import FieldError, InvalidRequest, Refused, TekanaError, invalid, refusal_named

CODES = {
    "TekanaError": "internal",
    "InvalidRequest": "invalid_request",
    "EventsDropped": "events_dropped",
    "Refused": "internal",
    "NotFound": "not_found",
    "CustomerNotFound": "not_found",
    "WalletNotFound": "not_found",
    "TransactionNotFound": "not_found",
    "WebhookEndpointNotFound": "not_found",
    "WebhookDeliveryNotFound": "not_found",
    "StateConflict": "internal",
    "CustomerExists": "customer_exists",
    "CustomerNotActive": "customer_not_active",
    "WalletNotActive": "wallet_not_active",
    "WalletNotEmpty": "wallet_not_empty",
    "WebhookEndpointDisabled": "webhook_endpoint_disabled",
    "RuleRefused": "internal",
    "InsufficientFunds": "insufficient_funds",
    "CurrencyMismatch": "currency_mismatch",
    "SameWallet": "same_wallet",
    "LimitExceeded": "limit_exceeded",
    "RolledBack": "rolled_back",
    "IdempotencyKeyReused": "idempotency_key_reused",
    "ConcurrentUpdate": "concurrent_update",
    "Unavailable": "unavailable",
    "Conflict": "unavailable",
    "Busy": "unavailable",
    "Overloaded": "unavailable",
}
"""Clients program against these. A code is never changed, and never used for something else."""

CLASSES = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TekanaError)
}
LEAVES = [kind for kind in CLASSES.values() if issubclass(kind, Refused) and not kind.__subclasses__()]


def test_codes_never_change() -> None:
    assert {name: kind.code for name, kind in CLASSES.items()} == CODES


def test_the_tree_in_the_docstring() -> None:
    """Each line's class is a child of the nearest class above it that is less indented. `Refused` is left out there."""
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
def test_a_stored_refusal_is_raised_as_what_it_was(kind: type[Refused]) -> None:
    again = refusal_named(kind.__name__, "because")
    assert type(again) is kind
    assert str(again) == "because"
    assert (again.transaction, again.request_id, again.replayed) == (None, None, False)


def test_every_refusal_can_be_stored() -> None:
    assert sorted(kind.__name__ for kind in LEAVES) == sorted(errors._BY_NAME)


def test_invalid_input_names_its_fields() -> None:
    error = InvalidRequest(FieldError("a", "is wrong"), FieldError("b.c", "is missing"))
    assert error.errors == (("a", "is wrong"), ("b.c", "is missing"))
    assert str(error) == "a: is wrong; b.c: is missing"
    assert isinstance(error, ValueError)
    assert invalid("a", "is wrong").errors == (("a", "is wrong"),)


@pytest.mark.parametrize("kind", CLASSES.values())
def test_every_class_says_what_it_is(kind: type[TekanaError]) -> None:
    assert kind.__doc__
