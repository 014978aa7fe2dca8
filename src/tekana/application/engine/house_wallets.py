"""How full the house wallets are: one whose balance cannot grow any more refuses every deposit or withdrawal."""

from __future__ import annotations

import logging
import time

from tekana.domain.book import Book
from tekana.domain.identifiers import HouseRole
from tekana.domain.money import BALANCE_MAX_MINOR, Currency

_log = logging.getLogger("tekana.engine")

NEARLY_FULL = 0.9
"""The level from which an operator is warned."""

_WARNING_INTERVAL_SECONDS = 600.0


class HouseWalletLevels:
    """The levels of the house wallets that an engine posts to: their balances as shares of the largest possible one."""

    def __init__(self) -> None:
        self.levels: dict[tuple[HouseRole, Currency], float] = {}
        self._quiet_until: float | None = None

    def update(self, book: Book) -> None:
        """Take the levels from a Book that was saved. Logs a warning, once in an interval, if one is nearly full."""
        for wallet in book.wallets_with_entries.values():
            if wallet.house is not None:
                level = abs(wallet.ledger_balance) / BALANCE_MAX_MINOR
                self.levels[wallet.house, wallet.currency] = level
                if level >= NEARLY_FULL:
                    self._warn(wallet.house, wallet.currency, level)

    def _warn(self, role: HouseRole, currency: Currency, level: float) -> None:
        now = time.monotonic()
        if self._quiet_until is None or now >= self._quiet_until:
            self._quiet_until = now + _WARNING_INTERVAL_SECONDS
            _log.warning(
                "the %s wallet in %s is at %.1f%% of the largest balance, above 90%%: once full, it refuses all that "
                "would fill it further",
                role,
                currency,
                100 * level,
            )
