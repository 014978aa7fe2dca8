"""Fees: bands, bounds, tax, shares, rounding, and which schedule applies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tekana import CreateFeeSchedule, InvalidRequest
from tekana.application.commands.fees.schedule_fields import NewFeeBand, NewFeeShare, parse_bands, parse_shares
from tekana.domain.fees import (
    ALL_PPM,
    Charge,
    FeeBand,
    FeeSchedule,
    FeeShare,
    find_overlap,
    find_schedule,
    format_percentage,
    parse_percentage,
)
from tekana.domain.identifiers import FeeScheduleId, WalletId
from tekana.domain.money import Currency

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AGENT, PARTNER = WalletId(UUID(int=1)), WalletId(UUID(int=2))


def schedule(*bands: FeeBand, **changes: Any) -> FeeSchedule:
    fields: dict[str, Any] = {
        "id": FeeScheduleId(UUID(int=9)),
        "transaction_type": "transfer",
        "currency": Currency("RWF"),
        "tier": None,
        "tenant": None,
        "paid_by": "payer",
        "bands": bands or (FeeBand(None, 100, 0),),
        "minimum": None,
        "maximum": None,
        "tax_ppm": 0,
        "shares": (),
        "valid_from": NOON,
        "valid_until": None,
        "created_by": "a test",
        "created_at": NOON,
    }
    return FeeSchedule(**(fields | changes))


BANDS = (FeeBand(1_000, 20, 0), FeeBand(10_000, 100, 0), FeeBand(None, 250, 5_000))  # the last: 0.5 % more


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 20), (1_000, 20), (1_001, 100), (10_000, 100), (10_001, 300), (100_000, 750)]
)
def test_the_band_of_the_amount_has_the_fee(amount: int, fee: int) -> None:
    charge = schedule(*BANDS).charge(amount)
    assert charge is not None
    assert charge.fee == fee


@pytest.mark.parametrize(("amount", "fee"), [(49, None), (50, 1), (149, 1), (150, 2)])
def test_a_fee_is_rounded_half_up(amount: int, fee: int | None) -> None:
    charge = schedule(FeeBand(None, 0, 10_000)).charge(amount)
    assert (charge and charge.fee) == fee


@pytest.mark.parametrize(("amount", "fee"), [(100, 50), (10_000, 100), (100_000, 500)])
def test_a_fee_has_bounds(amount: int, fee: int) -> None:
    charge = schedule(FeeBand(None, 0, 10_000), minimum=50, maximum=500).charge(amount)
    assert charge is not None
    assert charge.fee == fee


def test_tax_comes_on_top_and_shares_come_out_of_the_fee() -> None:
    shares = (FeeShare(AGENT, 300_000), FeeShare(PARTNER, 100_000))
    charge = schedule(FeeBand(None, 99, 0), tax_ppm=180_000, shares=shares).charge(1_000)
    assert charge == Charge(
        schedule_id=FeeScheduleId(UUID(int=9)),
        paid_by="payer",
        currency=Currency("RWF"),
        fee=99,
        tax=18,
        shares=((AGENT, 29), (PARTNER, 9)),
    )
    assert (charge.total, charge.operators_part) == (117, 61)


def test_shares_of_nothing_are_left_out() -> None:
    charge = schedule(FeeBand(None, 3, 0), shares=(FeeShare(AGENT, 300_000), FeeShare(PARTNER, 400_000))).charge(1)
    assert charge is not None
    assert charge.shares == ((PARTNER, 1),)


ppms = st.integers(0, ALL_PPM)


@given(
    amount=st.integers(1, 10**15),
    flat=st.integers(0, 10**6),
    ppm=ppms,
    tax=ppms,
    parts=st.lists(ppms, max_size=3),
    bounds=st.one_of(st.none(), st.tuples(st.integers(0, 10**6), st.integers(10**6, 10**9))),
)
def test_the_parts_of_a_charge_are_those_of_the_fee(
    amount: int, flat: int, ppm: int, tax: int, parts: list[int], bounds: tuple[int, int] | None
) -> None:
    sizes = [one // max(1, len(parts)) for one in parts]  # at most all of it
    shares = tuple(FeeShare(WalletId(UUID(int=number)), size) for number, size in enumerate(sizes))
    minimum, maximum = bounds or (None, None)
    charge = schedule(FeeBand(None, flat, ppm), tax_ppm=tax, shares=shares, minimum=minimum, maximum=maximum).charge(
        amount
    )
    exact = flat + Fraction(amount * ppm, ALL_PPM)
    if bounds is not None:
        exact = min(max(exact, bounds[0]), bounds[1])
    if charge is None:
        assert exact < Fraction(1, 2)
        return
    assert abs(charge.fee - exact) <= Fraction(1, 2)
    assert abs(charge.tax - Fraction(charge.fee * tax, ALL_PPM)) <= Fraction(1, 2)
    assert charge.operators_part >= 0
    assert charge.operators_part + sum(one for _, one in charge.shares) == charge.fee
    assert all(one > 0 for _, one in charge.shares)


@pytest.mark.parametrize(
    ("tenant", "tier", "found"),
    [("north", "2", "both"), ("north", "1", "tenant"), ("south", "2", "tier"), ("south", "1", "all")],
)
def test_the_narrowest_schedule_applies(tenant: str, tier: str, found: str) -> None:
    schedules = {
        "all": schedule(),
        "tier": schedule(tier="2"),
        "tenant": schedule(tenant="north"),
        "both": schedule(tenant="north", tier="2"),
    }
    assert find_schedule(schedules.values(), NOON, tenant=tenant, tier=tier) is schedules[found]


def test_a_schedule_applies_from_its_beginning_until_before_its_end() -> None:
    old, new = schedule(valid_until=NOON + HOUR), schedule(valid_from=NOON + HOUR)
    found = [
        find_schedule((old, new), NOON + after, tenant="main", tier="0")
        for after in (timedelta(microseconds=-1), timedelta(0), HOUR - timedelta(microseconds=1), HOUR)
    ]
    assert found == [None, old, old, new]


def test_schedules_for_the_same_must_not_overlap() -> None:
    old = schedule(valid_until=NOON + 2 * HOUR)
    assert find_overlap(schedule(valid_from=NOON + HOUR), (old,)) is old
    assert find_overlap(schedule(valid_from=NOON - HOUR, valid_until=NOON + HOUR), (old,)) is old
    assert find_overlap(schedule(valid_from=NOON + 2 * HOUR), (old,)) is None
    assert find_overlap(schedule(valid_from=NOON - HOUR, valid_until=NOON), (old,)) is None
    assert find_overlap(replace(old, tier="1"), (old,)) is None
    assert find_overlap(replace(old, valid_until=None), (replace(old, valid_until=None),)) is not None


@pytest.mark.parametrize(
    ("text", "ppm"), [("0", 0), ("1.5", 15_000), ("0.0001", 1), ("100", ALL_PPM), ("18.00", 180_000), ("007", 70_000)]
)
def test_a_percentage_has_up_to_four_decimals(text: str, ppm: int) -> None:
    assert parse_percentage("tax_percentage", text) == ppm
    assert parse_percentage("tax_percentage", format_percentage(ppm)) == ppm


@pytest.mark.parametrize("text", ["", "-1", "1e2", "100.0001", "1.00001", ".5", "1.", "1,5", "\u0661", "1000", 5])
def test_what_is_no_percentage_is_not_accepted(text: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_percentage("tax_percentage", text)
    assert [one.field for one in refused.value.errors] == ["tax_percentage"]


@given(ppms)
def test_a_percentage_is_shown_as_it_is_read(ppm: int) -> None:
    assert parse_percentage("x", format_percentage(ppm)) == ppm


def test_all_that_is_wrong_with_bands_is_said() -> None:
    bands = (NewFeeBand(up_to="x"), NewFeeBand(), NewFeeBand(up_to="5", percentage="101"), NewFeeBand(flat="-1"))
    with pytest.raises(InvalidRequest) as refused:
        parse_bands(bands, Currency("RWF"))
    fields = [one.field for one in refused.value.errors]
    assert fields == ["bands[0].up_to", "bands[1].up_to", "bands[2].percentage", "bands[3].flat"]


def test_a_flat_fee_may_be_zero_with_the_decimals_of_its_currency() -> None:
    [band] = parse_bands((NewFeeBand(flat="0.00"),), Currency("USD"))
    assert band == FeeBand(None, 0, 0)
    with pytest.raises(InvalidRequest, match="USD has 2 decimals, not 3"):
        parse_bands((NewFeeBand(flat="0.000"),), Currency("USD"))


def test_shares_are_at_most_the_fee_and_name_each_wallet_once() -> None:
    def shares(*percentages: str, wallet_id: WalletId = AGENT) -> tuple[NewFeeShare, ...]:
        wallets = (wallet_id, PARTNER, WalletId(UUID(int=3)))
        return tuple(
            NewFeeShare(wallet_id=one, percentage=text) for one, text in zip(wallets, percentages, strict=False)
        )

    assert sum(one.percentage_ppm for one in parse_shares(shares("33.3333", "33.3333", "33.3334"))) == ALL_PPM
    with pytest.raises(InvalidRequest, match=r"at most 100 % of the fee together, not 100\.0001 %"):
        parse_shares(shares("33.3333", "33.3334", "33.3334"))
    with pytest.raises(InvalidRequest, match="each wallet once"):
        parse_shares(shares("10", "10", wallet_id=PARTNER))
    with pytest.raises(InvalidRequest, match="more than zero"):
        parse_shares(shares("0"))


def test_a_schedule_that_never_began_overlaps_nothing() -> None:
    later = NOON + HOUR
    never = schedule(valid_from=later, valid_until=later)
    for other in (schedule(), schedule(valid_until=later + HOUR), schedule(valid_from=later), never):
        assert not never.overlaps(other)
        assert not other.overlaps(never)


@given(
    one=st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5)),
    other=st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5)),
)
def test_schedules_overlap_if_both_apply_at_some_time(
    one: tuple[int, int | None], other: tuple[int, int | None]
) -> None:
    first, second = (
        schedule(valid_from=NOON + HOUR * begin, valid_until=None if end is None else NOON + HOUR * end)
        for begin, end in (one, other)
    )
    both = any(first.is_valid(NOON + HOUR * at) and second.is_valid(NOON + HOUR * at) for at in range(7))
    assert first.overlaps(second) == second.overlaps(first) == both


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("minimum", {"minimum": "-1"}),
        ("minimum", {"minimum": "0.5"}),
        ("minimum", {"minimum": "501", "maximum": "500"}),
        ("maximum", {"maximum": "1000000000000001"}),
        ("tax_percentage", {"tax_percentage": "18.12345"}),
        ("tax_percentage", {"tax_percentage": "100.0001"}),
        ("tax_percentage", {"tax_percentage": "-1"}),
        ("tax_percentage", {"tax_percentage": "1e1"}),
        ("bands", {"bands": []}),
        ("bands", {"bands": [{"up_to": str(number)} for number in range(1, 51)] + [{}]}),
        ("bands[0].up_to", {"bands": [{"up_to": "0"}, {}]}),
        ("bands[0].flat", {"bands": [{"flat": "-5"}]}),
        ("bands[0].flat", {"bands": [{"flat": "1.5"}]}),
        ("bands[0].flat", {"bands": [{"flat": "1000000000000001"}]}),
        ("bands[0].percentage", {"bands": [{"percentage": "101"}]}),
        ("bands[0].percentage", {"bands": [{"percentage": "1.00001"}]}),
        ("shares[0].percentage", {"shares": [{"wallet_id": str(AGENT), "percentage": "0"}]}),
        ("shares", {"shares": [{"wallet_id": str(AGENT), "percentage": "1"}] * 2}),
        ("tenant", {"tenant": None, "shares": [{"wallet_id": str(AGENT), "percentage": "1"}]}),
        ("valid_until", {"valid_from": NOON, "valid_until": NOON}),
        ("valid_until", {"valid_from": NOON, "valid_until": NOON - HOUR}),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_with_its_field(field: str, wrong: dict[str, Any]) -> None:
    fields = {"transaction_type": "transfer", "currency": "RWF", "paid_by": "payer", "bands": [{}], "tenant": "main"}
    CreateFeeSchedule(**fields)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as refused:
        CreateFeeSchedule(**(fields | wrong))  # type: ignore[arg-type]
    assert [one.field for one in refused.value.errors] == [field]
