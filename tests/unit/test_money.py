"""Money: valid and invalid amounts, and exact conversion between text and minor units."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tekana import Currency, InvalidRequest, Money
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import AMOUNT_MAX_MINOR, BALANCE_MAX_MINOR, format_minor, parse_currency

CURRENCIES = st.sampled_from(["RWF", "USD", "KWD", "CLF", "JPY", "EUR"]).map(Currency)
AMOUNTS = st.integers(1, AMOUNT_MAX_MINOR)

RWF, USD, KWD = Currency("RWF"), Currency("USD"), Currency("KWD")


@settings(deadline=None)
@given(AMOUNTS, CURRENCIES)
def test_amounts_survive_a_round_trip(minor: int, currency: Currency) -> None:
    assert Money.parse(Money(minor, currency).major, currency) == Money(minor, currency)


@settings(deadline=None)
@given(AMOUNTS, CURRENCIES)
def test_trailing_zeros_can_be_omitted(minor: int, currency: Currency) -> None:
    text = Money(minor, currency).major
    shorter = text.rstrip("0").rstrip(".") if "." in text else text
    assert Money.parse(shorter, currency) == Money(minor, currency)


@settings(deadline=None)
@given(st.integers(-BALANCE_MAX_MINOR, BALANCE_MAX_MINOR), CURRENCIES)
def test_every_balance_is_written_with_all_decimals(minor: int, currency: Currency) -> None:
    text = format_minor(minor, currency)
    whole, _, decimals = text.partition(".")
    assert len(decimals) == EXPONENTS[currency]
    assert int(whole + decimals) == minor
    assert text.startswith("-") == (minor < 0)


@settings(deadline=None)
@given(st.text(max_size=30), CURRENCIES)
def test_any_other_text_is_refused(text: str, currency: Currency) -> None:
    try:
        money = Money.parse(text, currency)
    except InvalidRequest as error:
        assert [one.field for one in error.errors] == ["amount"]
    else:
        assert 1 <= money.minor <= AMOUNT_MAX_MINOR
        whole, _, decimals = text.partition(".")
        assert set(whole + decimals) <= set("0123456789")
        assert int(whole + decimals.ljust(EXPONENTS[currency], "0")) == money.minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1500", RWF, 1500),
        ("12.50", USD, 1250),
        ("12.5", USD, 1250),
        ("12", USD, 1200),
        ("0.01", USD, 1),
        ("007", RWF, 7),
        ("1.234", KWD, 1234),
        ("1000000000000000", RWF, AMOUNT_MAX_MINOR),
        ("10000000000000.00", USD, AMOUNT_MAX_MINOR),
    ],
)
def test_valid_amounts_are_parsed(text: str, currency: Currency, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        *(("", RWF), (" ", RWF), ("0", RWF), ("0.00", USD), ("000", RWF), ("-5", RWF), ("+5", RWF), ("-0", RWF)),
        *(("1.5", RWF), ("1.0", RWF), ("1.005", USD), ("1.000", USD), ("1.2345", KWD)),
        *(("1e2", RWF), ("1E2", RWF), ("0x10", RWF), ("1_000", RWF), ("1,000", RWF), ("1 000", RWF), ("1.2.3", USD)),
        *((".5", USD), ("1.", USD), (".", USD), ("NaN", RWF), ("Infinity", RWF), ("inf", RWF), ("sNaN", RWF)),
        *((" 1", RWF), ("1 ", RWF), ("1\n", RWF), ("1\x00", RWF), ("١٢", RWF), ("１２", RWF), ("²", RWF), ("½", RWF)),
        *(("1000000000000001", RWF), ("10000000000000.01", USD), (str(2**63), RWF), ("9" * 5000, RWF)),
    ],
)
def test_invalid_amounts_are_refused(text: str, currency: Currency) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Money.parse(text, currency)
    assert [error.field for error in refused.value.errors] == ["amount"]


@pytest.mark.parametrize("value", [1, 1.5, None, True, b"1", ["1"]])
def test_numbers_are_not_amounts(value: object) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Money.parse(value, RWF)  # type: ignore[arg-type]
    assert [error.field for error in refused.value.errors] == ["amount"]


@pytest.mark.parametrize("code", ["", "rwf", "RW", "RWFF", "XXX", "XAU", "XTS", "BTC", " RWF", "RWF ", None, 646, "Ｒ"])
def test_invalid_currencies_are_refused(code: object) -> None:
    for refuse in (parse_currency, lambda one: Money.parse("1", one), lambda one: Money(1, one)):
        with pytest.raises(InvalidRequest) as refused:
            refuse(code)  # type: ignore[operator]
        assert [error.field for error in refused.value.errors] == ["currency"]


@pytest.mark.parametrize("minor", [1.0, 1.5, "1", None, True, float("nan")])
def test_minor_units_must_be_integers(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, RWF)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.integers(), st.integers(), CURRENCIES)
def test_addition_and_subtraction_are_exact(one: int, other: int, currency: Currency) -> None:
    left, right = Money(one, currency), Money(other, currency)
    assert left + right == Money(one + other, currency)
    assert left - right == Money(one - other, currency)
    assert -left == Money(-one, currency)
    assert abs(left) == Money(abs(one), currency)


def test_currencies_never_mix() -> None:
    with pytest.raises(ValueError, match="do not mix"):
        Money(1, RWF) + Money(1, USD)
    with pytest.raises(ValueError, match="do not mix"):
        Money(1, RWF) - Money(1, USD)
    assert Money(1, RWF) != Money(1, USD)


def test_the_text_has_amount_and_currency() -> None:
    assert str(Money(1250, USD)) == "12.50 USD"
    assert str(Money(-5, KWD)) == "-0.005 KWD"
    assert str(Money(0, RWF)) == "0 RWF"
