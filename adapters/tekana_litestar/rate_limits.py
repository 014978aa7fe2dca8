"""Rate limits: how many requests a caller and an address may send.

`RateLimits` counts each request once, wherever it is served: over ASGI or as a hot route. Each process counts for
itself, and begins anew when it is started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final

from limits import RateLimitItemPerSecond, parse
from limits.strategies import FixedWindowRateLimiter
from prometheus_client import Counter

from tekana import Caller, Settings, Unauthenticated
from tekana.application.authentication import Authenticator
from tekana_litestar.caller import find_cached_caller, identify_caller
from tekana_litestar.client_address import ClientAddresses, site_of
from tekana_litestar.fixed_windows import FixedWindows
from tekana_litestar.headers import Headers
from tekana_litestar.operation import Operation
from tekana_litestar.problems import RateLimited
from tekana_litestar.quotas import RECIPIENTS, OperationRate, Quota
from tekana_litestar.shared_metrics import KEPT

KEYS_MAX: Final = 50_000
"""How many callers, or addresses, a limit counts at once; some 15 MB for each limit at most."""

FAILED_CREDENTIALS: Final = "600/minute"
"""How many invalid credentials from one address are verified."""

ADDRESS_FACTOR: Final = 10
"""How many times as often as one caller all callers of an address may call an operation with a rate of its own."""

_LIMITED: Final = Counter(
    "tekana_http_rate_limited", "Requests that a rate limit refused, by limit.", ["limit"], registry=KEPT
)


class _Window(RateLimitItemPerSecond):
    """A limit whose keys are used as they are: its storage has no other ones. The library's take a microsecond."""

    def key_for(self, *identifiers: Any) -> str:
        """Return the key."""
        key: str = identifiers[0]
        return key


class Limit:
    """One limit: how often each key is counted in a window.

    Args:
        name: the name of the limit in headers and metrics.
        rate: such as `1000/second`.
        now: a clock that never goes back, in seconds.
        factor: how many times the rate is allowed.
    """

    def __init__(self, name: str, rate: str, now: Callable[[], float], factor: int = 1) -> None:
        self.windows = FixedWindows(now, KEYS_MAX)
        self._name = name
        self._now = now
        self._limiter = FixedWindowRateLimiter(self.windows)
        item = parse(rate)
        self._item = _Window(item.amount * factor, item.get_expiry())
        _LIMITED.labels(name)  # so that it is reported before the first refusal

    def count(self, key: str, cost: int = 1) -> None:
        """Count requests of a key. Raises RateLimited if they are too many."""
        if not self._limiter.hit(self._item, key, cost=cost):
            self.refuse(key)

    def is_reached(self, key: str) -> bool:
        """Return whether no more of a key is allowed now."""
        return not self._limiter.test(self._item, key)

    def refuse(self, key: str) -> None:
        """Raise RateLimited for a key."""
        _LIMITED.labels(self._name).inc()
        raise RateLimited(self.quota(key))

    def quota(self, key: str) -> Quota:
        """Return what is left for a key."""
        stats = self._limiter.get_window_stats(self._item, key)
        return Quota(
            self._name,
            self._item.amount,
            self._item.get_expiry(),
            remaining=stats.remaining,
            reset_seconds=max(0.0, stats.reset_time - self._now()),
        )


class RateLimits:
    """The limits of an app.

    Args:
        settings: `caller_rate`, `address_rate` and `proxy_networks`.
        now: a clock that never goes back, in seconds.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = monotonic) -> None:
        caller_rate, address_rate = settings.caller_rate, settings.address_rate
        self.addresses = ClientAddresses(settings.proxy_networks)
        self._now = now
        self._of_callers = Limit("caller", caller_rate, now) if caller_rate else None
        self._of_addresses = Limit("address", address_rate, now) if address_rate else None
        self._of_credentials = Limit("credentials", FAILED_CREDENTIALS, now) if address_rate else None
        self._of_operations: dict[str, Limit] = {}

    def count_address(self, address: str) -> None:
        """Count a request by its address, before anything else is done for it. Raises RateLimited."""
        if self._of_addresses is not None:
            self._of_addresses.count(site_of(address))

    def count_caller(self, caller: Caller) -> None:
        """Count a request by its caller. Raises RateLimited."""
        if self._of_callers is not None:
            self._of_callers.count(caller.subject)

    async def identify(self, address: str, headers: Headers, authenticator: Authenticator) -> Caller:
        """Return the caller of a request, as `identify_caller` does, and count invalid credentials.

        Once too many credentials from an address were invalid, only those that are known are accepted from it.

        Raises:
            Unauthenticated, Unavailable: as `identify_caller`.
            RateLimited: there were too many invalid credentials.
        """
        limit, site = self._of_credentials, site_of(address)
        if limit is not None and limit.is_reached(site) and find_cached_caller(dict(headers), authenticator) is None:
            limit.refuse(site)
        try:
            return await identify_caller(headers, authenticator)
        except Unauthenticated:
            if limit is not None and not limit.is_reached(site):
                limit.count(site)
            raise

    def count_operation(self, operation: Operation, address: str, caller: Caller | None) -> Quota | None:
        """Count a request by its operation, if that has a rate of its own. Returns what is left. Raises RateLimited."""
        return None if operation.rate is None else self._count_rate(operation.rate, address, caller)

    def count_recipients(self, address: str, caller: Caller, commands: Iterable[Any]) -> None:
        """Count the phone numbers that a customer's commands name as payees: each shows whether it is registered.

        They count as look-ups of recipients do. A partner sees its own customers in other ways, so that its commands do
        not count.

        Raises:
            RateLimited: there are too many. None of the commands may be executed.
        """
        if caller.kind == "customer":
            count = sum(getattr(command, "to_phone_number", None) is not None for command in commands)
            if count:
                self._count_rate(RECIPIENTS, address, caller, count)

    def _count_rate(self, rate: OperationRate, address: str, caller: Caller | None, cost: int = 1) -> Quota | None:
        """Count by address and by caller; of a public operation, by address alone."""
        site = site_of(address)
        if self._of_addresses is not None:
            of_address = self._of_operation(f"{rate.name}-address", rate, 1 if caller is None else ADDRESS_FACTOR)
            of_address.count(site, cost)
            if caller is None:
                return of_address.quota(site)
        if caller is None or self._of_callers is None:
            return None
        of_caller = self._of_operation(rate.name, rate)
        of_caller.count(caller.subject, cost)
        return of_caller.quota(caller.subject)

    def _of_operation(self, name: str, rate: OperationRate, factor: int = 1) -> Limit:
        limit = self._of_operations.get(name)
        if limit is None:
            limit = self._of_operations[name] = Limit(name, rate.rate, self._now, factor)
        return limit
