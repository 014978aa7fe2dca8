"""Compares how long two kinds of requests take: interleaved, by their medians and by Mann and Whitney's test."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from statistics import NormalDist, median
from time import perf_counter
from typing import NamedTuple

Request = Callable[[], Awaitable[object]]


class Comparison(NamedTuple):
    """How two kinds of requests compare.

    Attributes:
        name: what was compared.
        foreign_us, absent_us: the medians in microseconds.
        p: the probability of a difference like this, or a larger one, of two kinds that take equally long.
    """

    name: str
    foreign_us: float
    absent_us: float
    p: float

    @property
    def difference_us(self) -> float:
        """How far the medians are apart, in microseconds."""
        return abs(self.foreign_us - self.absent_us)

    def is_within(self, share: float, least_us: float) -> bool:
        """Return whether the medians differ by at most this share of the larger one, or by this time."""
        return self.difference_us <= max(share * max(self.foreign_us, self.absent_us), least_us)

    def __str__(self) -> str:
        return f"{self.name}: {self.foreign_us:,.0f} and {self.absent_us:,.0f} us, p = {self.p:.3f}"


async def compare(name: str, foreign: Request, absent: Request, rounds: int) -> Comparison:
    """Send a request of each kind in each round, in random order, and compare their times."""
    kinds = (foreign, absent)
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(-5, rounds):  # the first ones warm up
        for index in random.sample((0, 1), 2):
            began = perf_counter()
            await kinds[index]()
            if round_ >= 0:
                times[index].append((perf_counter() - began) * 1e6)
    return Comparison(name, median(times[0]), median(times[1]), mann_whitney(*times))


def mann_whitney(one: list[float], other: list[float]) -> float:
    """Return the p of Mann and Whitney's test, two-sided, by the normal approximation."""
    wins = sum((a > b) + (a == b) / 2 for a in one for b in other)
    pairs = len(one) * len(other)
    z = (wins - pairs / 2) / math.sqrt(pairs * (len(one) + len(other) + 1) / 12)
    return 2 * (1 - NormalDist().cdf(abs(z)))
