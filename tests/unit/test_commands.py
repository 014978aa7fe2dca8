"""Commands: what each field takes, and what it refuses, by name."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

import tekana
from tekana import (
    CreateQuote,
    DepositFunds,
    FreezeWallet,
    InvalidRequest,
    OpenWallet,
    RegisterCustomer,
    SetLimits,
    SuspendCustomer,
    TransferFunds,
    UpdateCustomer,
    WithdrawFunds,
)
from tekana.application.commands import COMMANDS
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.application.commands.command import Struct
from tekana.application.engine.decide import fingerprint
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.ports.personal_data import ABOUT_FIELDS
from tekana.testing import builders
from tests.unit.command_values import BAD, CUSTOMER, FIELDS, GOOD, ID

CASES = [(kind, field, value) for kind, fields in BAD.items() for field, values in fields.items() for value in values]


@pytest.mark.parametrize(("kind", "field", "value"), CASES, ids=lambda one: getattr(one, "__name__", "")[:20] or None)
def test_bad_values_are_refused_by_name(kind: Callable[..., Any], field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        kind(**(GOOD[kind] | {field: value}))
    [error] = refused.value.errors
    assert re.split(r"[.\[]", error.field)[0] == field
    assert error.message


REQUIRED = [(kind, name) for kind, fields in FIELDS.items() for name, field in fields.items() if field.required]


@pytest.mark.parametrize(("kind", "name"), REQUIRED)
def test_what_is_required_cannot_be_left_out(kind: Any, name: str) -> None:
    given = {field: value for field, value in GOOD[kind].items() if field != name}
    with pytest.raises(TypeError):
        kind(**given)
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(given, kind)


EVERY_FIELD = [(kind, name) for kind, fields in FIELDS.items() for name in fields]


MAY_BE_EMPTY = ("shares",)


@pytest.mark.parametrize(("kind", "name"), EVERY_FIELD)
def test_another_type_is_refused_by_decoders(kind: Any, name: str) -> None:
    assert type(msgspec.json.decode(msgspec.json.encode(GOOD[kind]), type=kind)) is kind
    for wrong in ([[]], {"a": [1]}) if name in MAY_BE_EMPTY else ([], [[]], {"a": [1]}):
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.json.decode(msgspec.json.encode({**GOOD[kind], name: wrong}), type=kind)


def test_a_change_has_to_change_something() -> None:
    for more in ({}, {"expected_version": 3}):
        with pytest.raises(InvalidRequest) as refused:
            UpdateCustomer(customer_id=CUSTOMER, **more)  # type: ignore[arg-type]
        assert [error.field for error in refused.value.errors] == ["body"]


@pytest.mark.parametrize("kind", GOOD)
def test_unicode_and_everything_allowed(kind: Callable[..., Any]) -> None:
    fields = BAD[kind]
    text = "Ñandú 鍵 🔑 e\u0301"
    allowed = {
        "full_name": text,
        "external_id": text,
        "name": text,
        "reason": f"{text}\n{text}",
        "description": f"{text}\n\t",
        "reference": text,
        "metadata": {"kéy 🔑": text, "n": None, "t": True, "f": 1.5, "i": 2**53 - 1, "e": "", "blank": " \n"},
        "effective_at": datetime(2026, 1, 1, tzinfo=UTC),
        "country": "RW",
        "url": "https://example.com/hooks?a=%20",
        "event_types": ("WalletOpened",),
        "status": "disabled",
    }
    command = kind(**(GOOD[kind] | {name: value for name, value in allowed.items() if name in fields}))
    assert msgspec.json.decode(msgspec.json.encode(command), type=kind) == command
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=kind) == command


@pytest.mark.parametrize("kind", GOOD)
def test_they_are_immutable_and_know_their_fields(kind: Any) -> None:
    command = kind(**GOOD[kind])
    with pytest.raises(AttributeError):
        setattr(command, next(iter(GOOD[kind])), "x")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**GOOD[kind], "surprise": 1}, kind)
    with pytest.raises(TypeError):
        kind(**GOOD[kind], surprise=1)


def test_every_command_is_public_and_in_the_contents_of_its_package() -> None:
    verbs = {name for name in tekana.__all__ if isinstance(getattr(tekana, name), type(DepositFunds))}
    parts = {"Batch", "NewFeeBand", "NewFeeShare"}  # which are no commands themselves
    assert verbs == {kind.__name__ for kind in COMMANDS.values()} | parts
    for kind in COMMANDS.values():
        package = sys.modules[kind.__module__.rpartition(".")[0]]
        assert kind.__name__ in package.__all__


@pytest.mark.parametrize("kind", [*COMMANDS.values(), tekana.Batch])
def test_the_example_of_a_command_is_one(kind: Any) -> None:
    """Identifiers that a client writes in the path are not in it."""
    fields = {**dict.fromkeys(kind.IDS, str(ID)), **kind.EXAMPLE}
    command = msgspec.convert(fields, kind)
    assert type(command) is kind
    sent = msgspec.json.decode(msgspec.json.encode(command))
    assert kind.EXAMPLE.items() <= sent.items()


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=COMMANDS)
def test_every_command_that_can_have_personal_data_says_so(kind: Any) -> None:
    """A command about a customer with free text is such a command, too."""
    personal = {"full_name", "email", "phone_number", "to_phone_number", "external_id", "country"}
    names = set(kind.__struct_fields__)
    can_have = not personal.isdisjoint(names) or kind in (SuspendCustomer, CreateQuote)
    assert (kind.has_personal_data is not Struct.has_personal_data) == can_have


def test_an_approval_is_found_by_whom_it_is_about() -> None:
    """An export of a customer has the approvals about them and their wallets."""
    for kind in APPROVABLE.values():
        if kind is SetLimits:  # about no customer
            continue
        assert len([name for name in ABOUT_FIELDS if name in kind.__struct_fields__]) == 1


def test_commands_with_personal_data() -> None:
    one, two = (WalletId(UUID(int=number)) for number in (1, 2))
    by_id = builders.transfer(one, two)
    by_phone_number = TransferFunds(from_wallet_id=one, to_phone_number="+250788123456", amount="1", currency="RWF")
    assert builders.person().has_personal_data
    assert UpdateCustomer(customer_id=CustomerId(one), full_name="Another").has_personal_data
    assert not by_id.has_personal_data
    assert by_phone_number.has_personal_data
    assert not builders.atomic(by_id).has_personal_data
    assert builders.atomic(by_id, by_phone_number).has_personal_data


WITH_IDS = [(kind, field) for kind in COMMANDS.values() for field in kind.IDS]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "field"), WITH_IDS)
def test_an_identifier_may_be_given_as_text(kind: Any, field: str) -> None:
    given = {**dict.fromkeys(kind.IDS, ID), **kind.EXAMPLE}
    given.pop("type", None)
    command = kind(**given)
    again = kind(**{**given, field: str(given[field]).upper()})
    assert again == command
    assert isinstance(getattr(again, field), UUID)
    assert fingerprint(kind.NAME, again) == fingerprint(kind.NAME, command)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (RegisterCustomer, {"full_name": "", "email": "x", "phone_number": "y", "country": "XX", "external_id": ""}),
        (RegisterCustomer, {"email": "x", "currency": "XXX", "metadata": {"": 1}}),
        (UpdateCustomer, {"full_name": "", "email": "x", "phone_number": "y", "country": "XX", "external_id": ""}),
        (OpenWallet, {"currency": "XXX", "name": "", "metadata": {"": 1}}),
        (FreezeWallet, {"scope": "credits", "reason": ""}),
        (DepositFunds, {"amount": "0", "description": "", "reference": "", "metadata": {"": 1}}),
        (WithdrawFunds, {"currency": "XXX", "effective_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
        (TransferFunds, {"description": "", "reference": ""}),
    ],
)
def test_everything_that_is_wrong_is_reported_at_once(kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        kind(**(GOOD[kind] | wrong))
    fields = [error.field for error in refused.value.errors]
    assert sorted(fields) == sorted(wrong)


@pytest.mark.parametrize("kind", GOOD)
def test_every_field_that_is_wrong_is_named(kind: Any) -> None:
    """All but identifiers, without which nothing else is looked at, and a currency, by which an amount is read."""
    wrong = {name: values[0] for name, values in BAD[kind].items() if name not in {*kind.IDS, "currency"}}
    if not wrong:
        return
    with pytest.raises(InvalidRequest) as refused:
        kind(**(GOOD[kind] | wrong))
    assert sorted(re.split(r"[.\[]", error.field)[0] for error in refused.value.errors) == sorted(wrong)


@pytest.mark.parametrize(
    ("mode", "count", "field"), [("both", 1, "mode"), ("atomic", 0, "transactions"), ("atomic", 1001, "transactions")]
)
def test_what_is_no_batch(mode: Any, count: int, field: str) -> None:
    command = DepositFunds(**GOOD[DepositFunds])
    with pytest.raises(InvalidRequest) as refused:
        tekana.Batch(mode=mode, transactions=(command,) * count)
    assert [one.field for one in refused.value.errors] == [field]


def test_a_batch_crosses_borders_and_cannot_be_changed() -> None:
    command = DepositFunds(**GOOD[DepositFunds])
    batch = tekana.Batch(mode="independent", transactions=[command] * 1000)  # type: ignore[arg-type]
    assert batch.transactions == (command,) * 1000
    assert msgspec.json.decode(msgspec.json.encode(batch), type=tekana.Batch) == batch
