"""Expire a hold: release what is left of it, as its time is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.follow_up import FollowUp
from tekana.domain.book import Book
from tekana.domain.errors import Refused, TransactionNotFound
from tekana.domain.holds import Hold, expire


class ExpireHold(FollowUp, frozen=True, kw_only=True):
    """End a hold whose time is over. Any other stays as it is, and is the answer.

    Only background work sends it (`tekana.application.workers.hold_expiry`): it is in no group of commands.
    """

    NAME: ClassVar[str] = "ExpireHold"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (TransactionNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def decide(self, book: Book) -> Hold:
        return expire(book, self.hold(book))
