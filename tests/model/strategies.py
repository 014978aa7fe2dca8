"""What random requests are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.model.acts import OF_CUSTOMERS, OF_WALLETS
from tests.model.fee_model import FEE_PAYERS, Band, Prices

CURRENCIES: Final = ("RWF", "RWF", "RWF", "USD")
TYPES: Final = ("transfer", "payment", "hold", "transfer", "payment", "exchange", "deposit", "withdrawal", "hold")
QUOTABLE: Final = ("transfer", "payment", "exchange", "deposit", "withdrawal")
CHARGED: Final = tuple(FEE_PAYERS)

places = st.integers(0, 1000)
"""A place in a list, modulo its length."""

amounts = st.one_of(st.integers(1, 20), st.integers(1, 60), st.sampled_from((-2, -1, 0, 10, 20, 50, 1_000_000)))
"""In minor units; those that are not positive are of what the payer has, or that much less."""

parts = st.sampled_from((1, 2, 3, None, 7, 15, 40))
times = st.sampled_from([timedelta(hours=1), timedelta(hours=11), timedelta(days=1), timedelta(days=8)])
pauses = st.one_of(times, st.sampled_from((timedelta(seconds=20), timedelta(seconds=58), timedelta(seconds=59))))
movements = st.tuples(st.sampled_from(TYPES), places, places, amounts)
quotable = st.tuples(st.sampled_from(QUOTABLE), places, places, st.integers(1, 40))
modes = st.sampled_from(("atomic", "independent"))
kinds = st.sampled_from(("personal", "merchant"))
tiers = st.sampled_from(("0", "1"))
limits = st.dictionaries(
    st.one_of(
        st.sampled_from(("largest_transaction", "largest_balance")),
        st.builds(
            "{}_{}".format,
            st.sampled_from(("daily", "weekly", "monthly")),
            st.sampled_from(("outgoing_amount", "incoming_amount", "outgoing_count", "incoming_count")),
        ),
    ),
    st.integers(2, 150),
    max_size=2,
).filter(lambda one: len({name.partition("_")[2] for name in one}) == len(one))
"""At most two limits, none of which is to be above the other."""

limits = limits.map(lambda one: {name: 2 + value % 8 if "count" in name else value for name, value in one.items()})


class NewSchedule(NamedTuple):
    """A fee schedule to create.

    Attributes:
        shares: of the fee, each by a place in the list of merchants' wallets.
        begins_in: None for at once.
        lasts: None for until it is ended.
    """

    type: str
    currency: str
    tier: str | None
    is_of_tenant: bool
    paid_by: str
    prices: Prices
    shares: tuple[tuple[int, int], ...]
    begins_in: timedelta | None
    lasts: timedelta | None


percentages = st.one_of(st.sampled_from((100_000, 333_333, 500_000, 180_000, 0)), st.integers(0, 1_000_000))
"""In ten-thousandths of a percent."""

waits = st.sampled_from((None, None, None, timedelta(hours=1), timedelta(days=8)))

flats = st.sampled_from((3, 1, 6, 10, 0))

share_percentages = st.one_of(st.sampled_from((500_000, 333_333, 200_000)), st.integers(1, 500_000))


@st.composite
def prices(draw: st.DrawFn) -> Prices:
    """Draw up to three bands, the bounds of the fee, and the tax."""
    bounds = sorted(draw(st.sets(st.integers(1, 50), max_size=2)))
    bands = tuple(Band(one, draw(flats), draw(percentages)) for one in (*bounds, None))
    minimum, maximum = draw(st.one_of(st.none(), flats)), draw(st.one_of(st.none(), st.integers(10, 30)))
    return Prices(bands, minimum, maximum, draw(percentages))


@st.composite
def schedules(draw: st.DrawFn, *types: str) -> NewSchedule:
    """Draw a fee schedule, which mostly applies at once; of one of the types, in francs, it does."""
    type_ = draw(st.sampled_from(types or CHARGED))
    shares = tuple(draw(st.lists(st.tuples(places, share_percentages), max_size=2)))
    return NewSchedule(
        type=type_,
        currency="RWF" if types else draw(st.sampled_from(CURRENCIES)),
        tier=draw(st.sampled_from((None, None, None, "0", "1"))),
        is_of_tenant=bool(shares) or draw(st.booleans()),
        paid_by=draw(st.sampled_from(FEE_PAYERS[type_])),
        prices=draw(prices()),
        shares=shares,
        begins_in=draw(waits) if not types else None,
        lasts=draw(waits),
    )


first_schedules = st.tuples(
    schedules("transfer"),
    schedules("transfer", "payment"),
    schedules("payment"),
    schedules("capture"),
    schedules("withdrawal", "exchange", "deposit"),
)
"""Schedules that the histories begin with."""

lasting = st.sampled_from((None, timedelta(hours=1), timedelta(days=8)))
quotes_back = st.sampled_from((0, 0, 0, 1, 2, 3))
other_than_quoted = st.sampled_from(("", "", "", "", "amount", "wallet", "type"))
acts = st.sampled_from((*OF_CUSTOMERS, *OF_WALLETS, "reactivate", "reactivate", "unfreeze", "unfreeze", "unfreeze"))
batches = st.lists(movements, min_size=1, max_size=4)

KINDS: Final[dict[str, tuple[int, dict[str, Any]]]] = {
    "move": (5, {"asked": movements}),
    "batch": (2, {"mode": modes, "asked": batches}),
    "quote": (3, {"asked": quotable}),
    "move_as_quoted": (3, {"back": quotes_back, "change": other_than_quoted}),
    "capture": (3, {"place": places, "part": parts, "final": st.sampled_from((False, False, True))}),
    "end_hold": (1, {"place": places, "is_over": st.booleans()}),
    "change_hold": (1, {"place": places, "part": st.integers(1, 60), "lasts": lasting}),
    "reverse": (
        7,
        {"place": places, "part": parts, "hold_rest": st.sampled_from((True, True, False)), "keep_fees": st.booleans()},
    ),
    "repeat": (2, {"place": places}),
    "open_another": (1, {"place": places, "currency": st.sampled_from(CURRENCIES), "kind": kinds}),
    "administer": (2, {"place": places, "act": acts}),
    "limit": (
        1,
        {"place": places, "tier": tiers, "currency": st.sampled_from(CURRENCIES), "chosen": limits, "lasts": times},
    ),
    "set_rate": (1, {"bid": st.integers(3, 20), "spread": st.integers(0, 5)}),
    "create_fee_schedule": (2, {"new": schedules()}),
    "end_fee_schedule": (1, {"place": places, "ends_in": lasting}),
    "wait": (2, {"time": pauses}),
}
"""The kinds of requests, by their methods: how often each is sent, compared with the others, and its fields."""

_FIELDS: Final = {name: st.fixed_dictionaries(fields) for name, (_, fields) in KINDS.items()}

requests = st.sampled_from([name for name, (weight, _) in KINDS.items() for _ in range(weight)]).flatmap(
    lambda name: st.tuples(st.just(name), _FIELDS[name])
)
