"""Exchange rates, as they are read."""

from __future__ import annotations

from tekana.domain.caller import Caller
from tekana.domain.money import Currency
from tekana.domain.rates import Pair, Rate, rate_not_found
from tekana_memory.state import MemoryState


class MemoryRates:
    """Implements tekana.ports.rates.Rates."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:  # noqa: ARG002 - they are the same for every caller
        self._state = state

    async def list(self) -> tuple[Rate, ...]:
        return tuple(one for _, one in sorted(self._state.terms.rates.items()))

    async def get(self, base: Currency, quote: Currency) -> Rate:
        pair = Pair(base, quote)
        rate = self._state.terms.rates.get(pair)
        if rate is None:
            raise rate_not_found(pair)
        return rate
