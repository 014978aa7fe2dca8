"""Rate limits by themselves: windows, bounds, and which limits there are."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from tekana import Caller, InvalidRequest, Settings, TransferFunds, WalletId
from tekana.domain.caller import customer_caller
from tekana.domain.identifiers import CustomerId
from tekana.testing import builders
from tekana_litestar.access import Access
from tekana_litestar.fixed_windows import FixedWindows
from tekana_litestar.operation import Operation
from tekana_litestar.problems import RateLimited
from tekana_litestar.quotas import OperationRate, Quota
from tekana_litestar.rate_limits import ADDRESS_FACTOR, RateLimits
from tests.integration.http_support import UNKNOWN_ID

PARTNER = Caller("shop", "key:1", frozenset())
OTHER = Caller("shop", "key:2", frozenset())
CUSTOMER = customer_caller("shop", CustomerId(UNKNOWN_ID))
ADDRESS = "198.51.100.7"


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


def limits_of(clock: Seconds, caller: str = "off", address: str = "off") -> RateLimits:
    return RateLimits(Settings(rate_limit=caller, rate_limit_address=address), clock)


def test_a_window_begins_with_the_first_request_and_the_next_one_is_whole_again(clock: Seconds) -> None:
    limits = limits_of(clock, caller="3/minute")
    for _ in range(3):
        limits.count_caller(PARTNER)
        clock.now += 19
    with pytest.raises(RateLimited) as refused:
        limits.count_caller(PARTNER)
    assert refused.value.quota == Quota("caller", 3, 60, remaining=0, reset_seconds=3.0)
    assert refused.value.quota.headers() == [
        ("RateLimit-Policy", '"caller";q=3;w=60'),
        ("RateLimit", '"caller";r=0;t=3'),
    ]
    clock.now += 2.999
    with pytest.raises(RateLimited) as refused:
        limits.count_caller(PARTNER)
    assert refused.value.quota.retry_after_seconds == 1
    clock.now += 0.002
    for _ in range(3):
        limits.count_caller(PARTNER)
    with pytest.raises(RateLimited):
        limits.count_caller(PARTNER)


def test_callers_do_not_share_a_limit_and_addresses_do_not(clock: Seconds) -> None:
    limits = limits_of(clock, caller="1/second", address="1/second")
    limits.count_caller(PARTNER)
    limits.count_caller(OTHER)
    limits.count_address(ADDRESS)
    limits.count_address("198.51.100.8")
    with pytest.raises(RateLimited):
        limits.count_caller(PARTNER)
    with pytest.raises(RateLimited):
        limits.count_address(ADDRESS)


def test_addresses_of_a_64_network_share_a_limit(clock: Seconds) -> None:
    limits = limits_of(clock, address="1/second")
    limits.count_address("2001:db8::1")
    with pytest.raises(RateLimited):
        limits.count_address("2001:db8::ffff:0:0:2")
    limits.count_address("2001:db8:0:1::1")


def test_an_operation_limits_a_caller_and_ten_times_as_much_its_address(clock: Seconds) -> None:
    limits = limits_of(clock, caller="1000/second", address="1000/second")
    operation = Operation(returns=(), access=Access("codes", ()), rate=OperationRate("codes", "2/minute"))
    callers = [Caller("shop", f"key:{number}", frozenset()) for number in range(ADDRESS_FACTOR + 1)]
    for caller in callers[:ADDRESS_FACTOR]:
        assert [getattr(limits.count_operation(operation, ADDRESS, caller), "remaining", None) for _ in "12"] == [1, 0]
    with pytest.raises(RateLimited, match="too many requests") as refused:
        limits.count_operation(operation, ADDRESS, callers[-1])
    assert (refused.value.quota.name, refused.value.quota.amount) == ("codes-address", 20)
    with pytest.raises(RateLimited) as refused:
        limits.count_operation(operation, "198.51.100.8", callers[0])
    assert (refused.value.quota.name, refused.value.quota.amount) == ("codes", 2)


def test_a_public_operation_limits_the_address(clock: Seconds) -> None:
    limits = limits_of(clock, address="1000/second")
    operation = Operation(returns=(), access=None, rate=OperationRate("sign_in", "2/minute"))
    for _ in "12":
        limits.count_operation(operation, ADDRESS, None)
    with pytest.raises(RateLimited) as refused:
        limits.count_operation(operation, ADDRESS, None)
    assert (refused.value.quota.amount, refused.value.quota.retry_after_seconds) == (2, 60)
    limits.count_operation(operation, "198.51.100.8", None)


def test_phone_numbers_of_a_customer_s_payments_count_as_look_ups(clock: Seconds) -> None:
    limits = limits_of(clock, caller="1000/second")
    by_wallet = builders.transfer(WalletId(UNKNOWN_ID), WalletId(UNKNOWN_ID))
    by_phone = TransferFunds(
        from_wallet_id=WalletId(UNKNOWN_ID), to_phone_number="+250788123456", amount="1", currency="RWF"
    )
    for _ in range(1000):
        limits.count_recipients(ADDRESS, PARTNER, [by_phone])
        limits.count_recipients(ADDRESS, CUSTOMER, [by_wallet])
    limits.count_recipients(ADDRESS, CUSTOMER, [by_phone, by_wallet] * 30)
    with pytest.raises(RateLimited) as refused:
        limits.count_recipients(ADDRESS, CUSTOMER, [by_phone])
    assert refused.value.quota.name == "recipients"
    clock.now += 60
    with pytest.raises(RateLimited):
        limits.count_recipients(ADDRESS, CUSTOMER, [by_phone] * 31)


def test_many_keys_take_bounded_memory_and_drop_what_has_ended(clock: Seconds) -> None:
    windows = FixedWindows(clock, keys_max=1000)
    for number in range(1000):
        windows.incr(f"first {number}", 60)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(100_000):
        windows.incr(f"other {number}", 60)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(windows) == 1000
    assert after - before < 1_000_000
    assert windows.get("other 99999") == 1
    assert windows.get("other 98999") == 0
    clock.now += 60
    for number in range(501):
        windows.incr(f"late {number}", 60)
    assert len(windows) == 501


def test_a_window_that_is_begun_again_is_the_newest(clock: Seconds) -> None:
    windows = FixedWindows(clock, keys_max=2)
    windows.incr("a", 60)
    clock.now += 30
    windows.incr("b", 60)
    clock.now += 30
    windows.incr("a", 60)
    windows.incr("c", 60)
    assert [windows.get(key) for key in "abc"] == [1, 0, 1]
    assert windows.get_expiry("a") == clock.now + 60
    windows.clear("a")
    assert (windows.get("a"), windows.reset(), len(windows)) == (0, 1, 0)


def test_limits_are_off_in_development_and_on_in_production() -> None:
    development, production = Settings(), Settings(env="production")
    assert (development.caller_rate, development.address_rate) == (None, None)
    assert (production.caller_rate, production.address_rate) == ("1000/second", "1000/second")
    chosen = Settings(env="production", rate_limit="off", rate_limit_address="5/hour")
    assert (chosen.caller_rate, chosen.address_rate) == (None, "5/hour")


@pytest.mark.parametrize(
    "rate", ["0/second", "10", "10/fortnight", "-1/second", "1e3/second", "10/second;1/hour", "On"]
)
@pytest.mark.parametrize("name", ["rate_limit", "rate_limit_address"])
def test_other_rates_are_refused(name: str, rate: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{name}: must be off, or a number of requests"):
        Settings.from_environment({}, given={name: rate})
