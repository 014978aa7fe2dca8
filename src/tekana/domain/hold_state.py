"""The state of a hold: what changes after a transaction of the type `hold` was authorized.

                  ┌─ capture, the rest stays held ─┐
                  v                                │
authorize ──> pending ──capture──> captured        │
                  │ ├──────────────────────────────┘
                  │ ├─────void───> voided
                  │ └────expire──> expired
               change
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from tekana.domain.errors import CaptureExceedsHold, HoldNotOpen
from tekana.domain.money import Currency, format_minor
from tekana.domain.value import value

HoldStatus = Literal["pending", "captured", "voided", "expired"]
"""`pending`: open, so that it can be captured. The others are final."""

EXPIRES_IN_DEFAULT: Final = 7 * 24 * 3600
EXPIRES_IN_MAX: Final = 30 * 24 * 3600
"""For how long a hold can be open, in seconds, since it was authorized or changed."""


@value()
class HoldDetails:
    """The details of a transaction that authorizes a hold.

    Attributes:
        expires_in: for how long it can be captured, in seconds.
        reason: why the transaction was to be reversed whose receiver has spent the money.
    """

    expires_in: int = EXPIRES_IN_DEFAULT
    reason: str | None = None


@value(kw_only=True)
class HoldState:
    """The state of a hold.

    Attributes:
        amount_minor: what may be captured in all, in minor units, since the last change.
        captured_minor: what was captured.
        status: whether it is open, or how it ended.
        expires_at: from when on it cannot be captured.
        reason: why it was voided, by the caller who voided it.
        sequence: the number of events of its transaction.
    """

    amount_minor: int
    captured_minor: int = 0
    status: HoldStatus = "pending"
    expires_at: datetime
    reason: str | None = None
    sequence: int = 1

    @property
    def left_minor(self) -> int:
        """Return what is held, in minor units: of an open hold, what was not captured."""
        return self.amount_minor - self.captured_minor if self.status == "pending" else 0

    def require_open(self, moment: datetime) -> None:
        """Raise HoldNotOpen if the hold has ended, or its time is over."""
        if self.status != "pending":
            raise HoldNotOpen(f"the hold is {self.status}")
        if self.is_due(moment):
            raise HoldNotOpen(f"the hold expired at {self.expires_at.isoformat()}")

    def is_due(self, moment: datetime) -> bool:
        """Return whether the hold is open though its time is over."""
        return self.status == "pending" and self.expires_at <= moment

    def capture(self, amount_minor: int, currency: Currency, *, final: bool) -> HoldState:
        """Return the state after a capture, which ends the hold if it is `final` or nothing is left.

        Raises:
            CaptureExceedsHold: it is more than what is left.
        """
        left = self.left_minor
        if amount_minor > left:
            raise CaptureExceedsHold(f"{format_minor(left, currency)} {currency} of the hold is left")
        status: HoldStatus = "captured" if final or amount_minor == left else "pending"
        return self._next(captured_minor=self.captured_minor + amount_minor, status=status)

    def change(self, amount_minor: int, expires_at: datetime, currency: Currency) -> HoldState:
        """Return the state with another amount and another end.

        Raises:
            CaptureExceedsHold: that much was captured before, so that nothing would be left.
        """
        if amount_minor <= self.captured_minor:
            captured = format_minor(self.captured_minor, currency)
            raise CaptureExceedsHold(f"{captured} {currency} is captured, and an open hold has more: void it instead")
        return self._next(amount_minor=amount_minor, expires_at=expires_at)

    def void(self, reason: str | None) -> HoldState:
        """Return the state of the voided hold."""
        return self._next(status="voided", reason=reason)

    def expire(self) -> HoldState:
        """Return the state of the expired hold."""
        return self._next(status="expired")

    def _next(self, **changes: object) -> HoldState:
        return replace(self, sequence=self.sequence + 1, **changes)  # type: ignore[arg-type]
