"""The statement of a wallet for a period, which is read while it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from tekana.domain.identifiers import CustomerId
from tekana.domain.transaction import PostedEntry
from tekana.ports.page import PAGE_SIZE_MAX, PageRequest
from tekana.ports.statement_form import StatementForm, StatementHeading
from tekana.ports.wallets import StatementSummary, Wallets


class BrokenStatement(Exception):
    """The entries do not lead from the opening to the closing balance: the ledger is damaged. A defect."""


class Statement:
    """The statement of a wallet for a period. Memory stays constant, however many entries it has.

    Attributes:
        summary: the balances and totals of the period.
    """

    def __init__(
        self,
        summary: StatementSummary,
        wallets: Wallets,
        read_name: Callable[[CustomerId], Awaitable[str | None]],
        find_form: Callable[[str], type[StatementForm]],
        time_zone: str,
    ) -> None:
        """Create a statement. Use `Session.statement` instead.

        Args:
            summary: the balances and totals.
            wallets: the reader of the caller.
            read_name: returns the name of a customer.
            find_form: returns the form of a name.
            time_zone: the operator's, by its name.
        """
        self.summary = summary
        self._wallets = wallets
        self._read_name = read_name
        self._find_form = find_form
        self._time_zone = time_zone

    async def pages(self) -> AsyncIterator[tuple[PostedEntry, ...]]:
        """Yield the entries, by version, some at a time.

        Raises:
            BrokenStatement: they do not add up to the closing balance.
            Unavailable: the store cannot be reached.
        """
        one = self.summary
        version, balance = one.opening_version, one.opening_balance
        entered = left = 0
        while version < one.closing_version:
            limit = min(one.closing_version - version, PAGE_SIZE_MAX)
            # The cursor of a wallet's entries is the version of the last entry before them.
            asked = PageRequest(limit, str(version) if version else None)
            lines = (await self._wallets.entries(one.wallet_id, asked)).items
            if not lines:
                break
            for line in lines:
                version += 1
                balance += line.entry.amount_minor
                if line.entry.amount_minor > 0:
                    entered += line.entry.amount_minor
                else:
                    left -= line.entry.amount_minor
                if (line.entry.version, line.entry.ledger_balance_after) != (version, balance):
                    raise BrokenStatement(f"wallet {one.wallet_id}: version {version} does not follow the one before")
            yield lines
        found = version, balance, entered, left
        if found != (one.closing_version, one.closing_balance, one.total_credits, one.total_debits):
            raise BrokenStatement(f"wallet {one.wallet_id}: its entries do not add up to the closing balance")

    async def heading(self, form: type[StatementForm]) -> StatementHeading:
        """Return what a document of this form says beside the entries.

        Raises:
            Forbidden: it names the customer, and the caller lacks the scope customers:read.
            KeyUnavailable: it names the customer, and the name cannot be decrypted now.
        """
        customer_id, name = self.summary.customer_id, None
        if form.NAMES_CUSTOMER and customer_id is not None:
            name = await self._read_name(customer_id)
        return StatementHeading(self.summary, name, self._time_zone)

    def form(self, name: str) -> type[StatementForm]:
        """Return the form of a name. Raises Unavailable if it is not installed."""
        return self._find_form(name)

    async def parts(self, form: type[StatementForm]) -> AsyncIterator[bytes]:
        """Yield the parts of a document of this form. Raises what `heading` and `pages` raise."""
        writer = form(await self.heading(form))
        # In threads, as a page of a PDF takes milliseconds and its fonts a second.
        yield await asyncio.to_thread(writer.begin)
        async for lines in self.pages():
            yield await asyncio.to_thread(writer.write, lines)
        yield await asyncio.to_thread(writer.end)
