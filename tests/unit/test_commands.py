"""Commands: what each field takes, and what it refuses, by name."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest

import tekana
from tekana import (
    DepositFunds,
    FreezeWallet,
    InvalidRequest,
    OpenWallet,
    RegisterCustomer,
    TransferFunds,
    UpdateCustomer,
    WithdrawFunds,
)
from tekana.application.commands import COMMANDS, MONEY_COMMANDS
from tekana.application.commands.validation import read_number
from tekana.application.commands.webhooks import AnyWebhookCommand
from tekana.application.engine.decide import fingerprint
from tekana.testing import builders

ID = builders.wallet().id
CUSTOMER = builders.customer().id

FIELDS: dict[type[Any], dict[str, msgspec.inspect.Field]] = {
    kind: {field.name: field for field in msgspec.inspect.type_info(kind).fields}  # type: ignore[union-attr]
    for kind in COMMANDS.values()
    if kind not in get_args(AnyWebhookCommand)
}
"""The fields of commands, but for webhooks': what these refuse is tested in tests/integration/test_http_webhooks.py."""


def good(kind: Any) -> dict[str, Any]:
    """Return the fields that a command requires, from its example; the whole example, if it requires none."""
    given = {**dict.fromkeys(kind.IDS, ID), **kind.EXAMPLE}
    given.pop("type", None)
    required = {name for name in given if FIELDS[kind][name].required}
    return given if required == set(kind.IDS) else {name: given[name] for name in required}


GOOD: dict[Any, dict[str, Any]] = {kind: good(kind) for kind in FIELDS}

NO_TEXT = ["", " ", "\t\n", "a\x00b", "\ud800", "x" * 501, 5, True]
NO_LINE = [*NO_TEXT, "a\nb", "a\x1b[0mb", "a\u2028b", "a\u202eb", "a\u200eb", "a\u2066b", "a\u200bb", "a\ufeffb"]
NO_LINE += ["a\u00adb", "\u200c", "\u200d\u200c", "\u3164", "\u2800 \u115f", "\ufe0f", " \u200d "]
NO_NAME = [*NO_LINE, "\u00a0", "\u3000\u2003", "\u00a0\u200c"]
NIKOS = "\u03bd\u03b9\u03ba\u03bf\u03c2.\u03c0@example.com"
"""With a final sigma at the end of a word."""

SPACES = ["a\u00a0b", "a\u3000b", "a\u2003b"]
NO_METADATA = [
    {"": 1},
    {" ": 1},
    {"a\x00": 1},
    {"x" * 65: 1},
    {"a": "b\x00"},
    {"a": "\udfff"},
    {"a": "x" * 501},
    {"a": 2**53},
    {"a": -(2**53)},
    {"a": float("nan")},
    {"a": float("inf")},
    {"a": [1]},
    {"a": {"b": 1}},
    {"a": b"x"},
    {"a": Decimal("0.1000000000000000055")},
    {str(n): n for n in range(51)},
    5,
    ["a"],
]
NO_EMAIL = [
    "",
    "a",
    "a@",
    "@b.com",
    "a@b",
    "a@@b.com",
    "a b@c.com",
    "a@b..com",
    "a\x00@b.com",
    "a@b.com\n",
    5,
    "\ud800@b.com",
]
NO_EMAIL += ["a@" + "b" * 250 + ".com", "Aline <aline@example.com>"]
NO_PHONE = [
    "",
    "12",
    "+",
    "+250",
    "phone",
    "0788123456",
    "+2507881",
    "+2507881234567890",
    "+250788123456 ext. 5",
    250788123456,
]
NO_PHONE += ["\ud800", "+999788123456", "+445550", "+1 5550123", "+49 110\u200e", "+39\u00a0113", "\u202a\u202c"]
NO_COUNTRY = ["", "rw", "RWA", "XX", "AC", "TA", "EU", "UK", "Rwanda", 5, ["RW"], "R\x00"]
NO_AMOUNT = [
    "",
    "0",
    "-1",
    "+1",
    "1e2",
    "NaN",
    "Infinity",
    "1.5",
    "1,000",
    " 1",
    "1 ",
    "١",
    str(2**63),
    10,
    1.5,
    None,
    True,
]
NO_CURRENCY = ["", "rwf", "XXX", "XAU", "RWFF", 5]
NO_TIME = [
    "",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-02-30T12:00:00Z",
    5,
    True,
    "\ud800",
    "9999-01-01T00:00:00Z",
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime.min.replace(tzinfo=timezone(timedelta(hours=2))),
]
NO_ID = ["", "x", "0198d2a0-0000-7000-8000-00000000000", 5, b"x", [ID]]
REFUSED_VALUES: dict[str, list[Any]] = {
    "full_name": [*NO_NAME, "x" * 201],
    "email": NO_EMAIL,
    "phone_number": NO_PHONE,
    "country": NO_COUNTRY,
    "external_id": [*NO_LINE, *SPACES, "x" * 201],
    "tier": ["", " ", "a b", "x" * 33, "é", "a\n", 5],
    "name": [*NO_NAME, "x" * 101],
    "scope": ["", "credits", "ALL"],
    "reason": NO_TEXT,
    "amount": NO_AMOUNT,
    "currency": NO_CURRENCY,
    "description": NO_TEXT,
    "reference": [*NO_LINE, *SPACES, "x" * 201],
    "metadata": NO_METADATA,
    "effective_at": NO_TIME,
}
"""What a field of this name refuses, in any command. A field whose type has no null refuses that as well."""

UNCHECKED = {(UpdateCustomer, "expected_version")}
"""Fields whose type alone is checked, by decoders."""


def has_null(kind: Any, name: str) -> bool:
    info: Any = FIELDS[kind][name].type
    return isinstance(info, msgspec.inspect.AnyType) or getattr(info, "includes_none", False)


def refused_values(kind: Any, name: str) -> list[Any]:
    values = NO_ID if name in kind.IDS else REFUSED_VALUES[name]
    return [*values, *([] if has_null(kind, name) else [None])]


BAD: dict[Any, dict[str, list[Any]]] = {
    kind: {name: refused_values(kind, name) for name in fields if (kind, name) not in UNCHECKED}
    for kind, fields in FIELDS.items()
}
CASES = [(kind, field, value) for kind, fields in BAD.items() for field, values in fields.items() for value in values]


@pytest.mark.parametrize(("kind", "field", "value"), CASES, ids=lambda one: getattr(one, "__name__", "")[:20] or None)
def test_bad_values_are_refused_by_name(kind: Callable[..., Any], field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        kind(**(GOOD[kind] | {field: value}))
    [error] = refused.value.errors
    assert error.field.split(".")[0] == field
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


@pytest.mark.parametrize(("kind", "name"), EVERY_FIELD)
def test_another_type_is_refused_by_decoders(kind: Any, name: str) -> None:
    assert type(msgspec.json.decode(msgspec.json.encode(GOOD[kind]), type=kind)) is kind
    for wrong in ([], [[]], {"a": [1]}):
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.json.decode(msgspec.json.encode({**GOOD[kind], name: wrong}), type=kind)


@pytest.mark.parametrize(
    ("country", "number"),
    [("GB", "5550"), ("US", "5550123"), ("DE", "110"), ("IT", "113"), ("BR", "33334444"), ("RW", "112")],
)
def test_a_number_within_a_town_is_not_a_phone_number(country: str, number: str) -> None:
    for kind, more in ((RegisterCustomer, {}), (UpdateCustomer, {"customer_id": CUSTOMER})):
        with pytest.raises(InvalidRequest) as refused:
            kind(**(GOOD[kind] | more | {"phone_number": number, "country": country}))
        assert [error.field for error in refused.value.errors] == ["phone_number"]


@pytest.mark.parametrize("kind", MONEY_COMMANDS.values())
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-12-31T23:59:59.9999999Z", "2026-12-31T23:59:59.999999+00:00"),
        ("2026-12-31T23:59:59.999999999999999Z", "2026-12-31T23:59:59.999999+00:00"),
        ("2026-12-31T23:59:59.9999995+02:00", "2026-12-31T23:59:59.999999+02:00"),
        ("2026-12-31T23:59:59.12Z", "2026-12-31T23:59:59.120000+00:00"),
        ("2026-12-31T23:59:59Z", "2026-12-31T23:59:59+00:00"),
    ],
)
def test_a_time_is_never_rounded_up(kind: Any, given: str, kept: str) -> None:
    moment = datetime.fromisoformat(kept)
    fields = {**dict.fromkeys(kind.IDS, str(ID)), **kind.EXAMPLE, "effective_at": given}
    del fields["type"]
    command = kind(**fields)
    assert command.effective_at == moment
    assert command.effective_at.utcoffset() == moment.utcoffset()
    assert msgspec.convert(fields, kind).effective_at == moment
    assert msgspec.json.decode(msgspec.json.encode(fields), type=kind).effective_at == moment
    assert fingerprint(kind.NAME, command) == fingerprint(kind.NAME, kind(**{**fields, "effective_at": moment}))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        *(("0.1", 0.1), ("-0.0", -0.0), ("1.50", 1.5), ("1E5", 1e5), ("1e300", 1e300), ("5e-324", 5e-324)),
        *(("0.10000000000000001", 0.1), ("9007199254740993.0", None), ("12345678901234567890.0", None)),
        *(("0.1000000000000000055", None), ("1e400", None), ("-1e400", None), ("1e-400", None)),
        ("1e99999999999999999999", None),
    ],
)
def test_a_number_of_metadata_is_kept_exactly_or_refused(text: str, kept: float | None) -> None:
    decoder = msgspec.json.Decoder(OpenWallet, float_hook=read_number)
    body = f'{{"customer_id": "{CUSTOMER}", "currency": "USD", "metadata": {{"n": {text}}}}}'.encode()
    if kept is not None:
        assert repr(decoder.decode(body).metadata) == repr({"n": kept})
        return
    with pytest.raises(msgspec.ValidationError) as refused:
        decoder.decode(body)
    assert isinstance(refused.value.__cause__, InvalidRequest)
    assert [one.field for one in refused.value.__cause__.errors] == ["metadata.n"]


def test_a_change_has_to_change_something() -> None:
    for more in ({}, {"expected_version": 3}):
        with pytest.raises(InvalidRequest) as refused:
            UpdateCustomer(customer_id=CUSTOMER, **more)  # type: ignore[arg-type]
        assert [error.field for error in refused.value.errors] == ["body"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"email": "ALINE@Example.COM"}, {"email": "aline@example.com"}),
        ({"email": "ñandú@exämple.com"}, {"email": "ñandú@exämple.com"}),
        ({"phone_number": "+250 788-123-456"}, {"phone_number": "+250788123456"}),
        ({"phone_number": "0788 123 456", "country": "RW"}, {"phone_number": "+250788123456"}),
        ({"phone_number": "+254 712 345678", "country": "RW"}, {"phone_number": "+254712345678"}),
        ({"full_name": "  Aline Uwase "}, {"full_name": "Aline Uwase"}),
        ({"full_name": "\u00a0Aline\u3000Uwase\u2003"}, {"full_name": "Aline Uwase"}),
        ({"full_name": "\u0645\u06cc\u200c\u062e"}, {"full_name": "\u0645\u06cc\u200c\u062e"}),
        ({"full_name": "\u09b0\u200d\u09cd\u09af"}, {"full_name": "\u09b0\u200d\u09cd\u09af"}),
        ({"email": "\u202aAline@example.com\u202c"}, {"email": "aline@example.com"}),
        ({"email": "\u00a0al\u00adine@example.com\u200e "}, {"email": "aline@example.com"}),
        (
            {"email": "\u039d\u0399\u039a\u039f\u03a3.\u03a0@example.com"},
            {"email": NIKOS},
        ),
        (
            {"email": "\u03bd\u03b9\u03ba\u03bf\u03c3.\u03c0@example.com"},
            {"email": NIKOS},
        ),
        (
            {"email": NIKOS},
            {"email": NIKOS},
        ),
        ({"email": "\u03a3\u03ac\u03c2\u03b1@example.com"}, {"email": "\u03c3\u03ac\u03c3\u03b1@example.com"}),
        ({"email": "stra\u00dfe@stra\u00dfe.de"}, {"email": "stra\u00dfe@stra\u00dfe.de"}),
        ({"phone_number": "\u202a+250\u00a0788\u00ad123\u200e456\u202c"}, {"phone_number": "+250788123456"}),
        ({"phone_number": " +250 788 123 456\u00a0"}, {"phone_number": "+250788123456"}),
        ({"country": "GS"}, {"country": "GS"}),
    ],
)
def test_contacts_are_kept_in_one_form(given: dict[str, str], kept: dict[str, str]) -> None:
    commands = [
        RegisterCustomer(**(GOOD[RegisterCustomer] | given)),
        UpdateCustomer(customer_id=CUSTOMER, **given),  # type: ignore[arg-type]
    ]
    for command in commands:
        assert {name: getattr(command, name) for name in kept} == kept


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
    assert verbs == {kind.__name__ for kind in COMMANDS.values()} | {"Batch"}  # no command itself, but many
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
    assert sorted(error.field.split(".")[0] for error in refused.value.errors) == sorted(wrong)


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
