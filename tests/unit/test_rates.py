"""Exchange rates: exact conversion, rounded down, and never in favour of the one who exchanges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tekana import InvalidRequest
from tekana.domain.errors import AmountTooSmall, RateUnavailable
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import AMOUNT_MAX_MINOR, Currency, Money
from tekana.domain.rates import Rate, check_prices, normalize_price

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CODES = ("RWF", "USD", "KWD", "JPY", "EUR")


def rate(base: str, quote: str, bid: str, ask: str) -> Rate:
    return Rate(**_fields(base, quote), bid=bid, ask=ask, valid_until=None)


def _fields(base: str, quote: str) -> dict[str, Any]:
    return {
        "base": Currency(base),
        "quote": Currency(quote),
        "version": 1,
        "valid_from": NOON,
        "set_by": "a test",
    }


def money(minor: int, currency: str) -> Money:
    return Money(minor, Currency(currency))


@pytest.mark.parametrize(
    ("given_minor", "given", "got_minor", "got"),
    [
        (1_000, "USD", 13_100, "RWF"),  # 10.00 USD at the bid
        (13_200, "RWF", 1_000, "USD"),  # at the ask
        (13_199, "RWF", 999, "USD"),  # 9.99924 USD
        (14, "RWF", 1, "USD"),  # 1.06 cents
        (1, "USD", 13, "RWF"),  # 13.1
    ],
)
def test_who_gives_the_base_gets_the_bid_and_who_gives_the_other_the_ask(
    given_minor: int, given: str, got_minor: int, got: str
) -> None:
    dollar = rate("USD", "RWF", "1310", "1320")
    assert dollar.convert(money(given_minor, given)) == money(got_minor, got)


def test_an_amount_that_comes_to_nothing_is_refused() -> None:
    with pytest.raises(AmountTooSmall, match="13 RWF is less than the smallest amount of USD"):
        rate("USD", "RWF", "1310", "1320").convert(money(13, "RWF"))


def test_an_amount_that_is_too_large_in_the_other_currency_is_refused() -> None:
    with pytest.raises(RateUnavailable, match="more than one transaction"):
        rate("USD", "RWF", "1310", "1320").convert(money(AMOUNT_MAX_MINOR, "USD"))


prices = st.decimals(min_value="0.0001", max_value="9999999", places=4).map(
    lambda one: normalize_price("bid", str(one))
)


@given(st.sampled_from(CODES), st.sampled_from(CODES), prices, prices, st.integers(1, AMOUNT_MAX_MINOR), st.booleans())
def test_no_gain_by_exchanging_there_and_back(
    base: str, quote: str, one: str, other: str, minor: int, begins_with_base: bool
) -> None:
    if base == quote:
        return
    bid, ask = sorted((one, other), key=Fraction)
    current = rate(base, quote, bid, ask)
    before = money(minor, base if begins_with_base else quote)
    try:
        after = current.convert(current.convert(before))
    except (AmountTooSmall, RateUnavailable):
        return
    assert after.currency == before.currency
    assert after.minor <= before.minor


@given(st.sampled_from(CODES), st.sampled_from(CODES), prices, st.integers(1, 10**9))
def test_less_than_a_unit_is_rounded_away(base: str, quote: str, price: str, minor: int) -> None:
    if base == quote:
        return
    scale = Fraction(10) ** (EXPONENTS[Currency(quote)] - EXPONENTS[Currency(base)])
    exact = minor * Fraction(price) * scale
    try:
        got = rate(base, quote, price, price).convert(money(minor, base)).minor
    except AmountTooSmall:
        assert exact < 1
    except RateUnavailable:
        assert exact > AMOUNT_MAX_MINOR
    else:
        assert 0 <= exact - got < 1


def test_when_a_rate_applies() -> None:
    ends = NOON + timedelta(hours=1)
    one = Rate(**_fields("USD", "RWF"), bid="1", ask="1", valid_until=ends)
    times = (NOON - timedelta(microseconds=1), NOON, ends - timedelta(microseconds=1), ends)
    assert [one.is_valid(at) for at in times] == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "normal"), [("1310", "1310"), ("001.50", "1.5"), ("0.0001", "0.0001"), ("10.0", "10")]
)
def test_prices_have_one_form(text: str, normal: str) -> None:
    assert normalize_price("bid", text) == normal


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "-1", "1e5", "1,5", ".5", "5.", "1" * 11, "1.12345678901", "NaN", "１", 5]
)
def test_prices_that_are_none(text: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        normalize_price("ask", text)
    assert [one.field for one in error.value.errors] == ["ask"]


def test_the_bid_is_at_most_the_ask() -> None:
    check_prices("1310", "1310")
    with pytest.raises(InvalidRequest):
        check_prices("1310.1", "1310")
