"""What rate limits say of themselves: the rates of operations, and what is left for a client."""

from __future__ import annotations

import math
from typing import Final, NamedTuple


class OperationRate(NamedTuple):
    """A rate of an operation, for each caller, beside the limits of all requests. Operations may share one.

    All callers of an address together may call it ten times as often. A public operation has no callers: its rate is
    that of an address.

    Attributes:
        name: names the limit in headers and metrics.
        rate: such as `10/minute`.
    """

    name: str
    rate: str


RECIPIENTS: Final = OperationRate("recipients", "30/minute")
"""Of look-ups by phone number, which show who is registered."""


class Quota(NamedTuple):
    """What a limit leaves to a client.

    Attributes:
        name: the name of the limit.
        amount: how many requests it allows in a window.
        window_seconds: the length of a window.
        remaining: how many are left in the present window.
        reset_seconds: how long the present window lasts.
    """

    name: str
    amount: int
    window_seconds: int
    remaining: int
    reset_seconds: float

    @property
    def retry_after_seconds(self) -> int:
        """How long to wait for the next window: whole seconds, at least one."""
        return max(1, math.ceil(self.reset_seconds))

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers that describe it, as draft-ietf-httpapi-ratelimit-headers-11 says."""
        return [
            ("RateLimit-Policy", f'"{self.name}";q={self.amount};w={self.window_seconds}'),
            ("RateLimit", f'"{self.name}";r={self.remaining};t={self.retry_after_seconds}'),
        ]
