"""Commands: the one form in which contacts, times and numbers are kept, however they are written."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from tekana import InvalidRequest, OpenWallet, RegisterCustomer, UpdateCustomer
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.commands.validation import read_number
from tekana.application.engine.decide import fingerprint
from tests.unit.command_values import CUSTOMER, GOOD, ID


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


NIKOS = "\u03bd\u03b9\u03ba\u03bf\u03c2.\u03c0@example.com"
"""With a final sigma at the end of a word."""


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
