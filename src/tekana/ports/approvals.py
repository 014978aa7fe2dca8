"""The reader of approvals."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from tekana.domain.approvals import Approval, ApprovalStatus
from tekana.domain.identifiers import ApprovalId
from tekana.ports.page import Page, PageRequest


class ApprovalFilter(NamedTuple):
    """The approvals to list: those with this status; None for any."""

    status: ApprovalStatus | None = None


class Approvals(Protocol):
    """The approvals as last saved, of the caller's tenant. Every method may raise Unavailable.

    A pending approval whose time is over, by the store's clock, has the status `expired`. Reads come from the primary
    database.
    """

    async def get(self, approval_id: ApprovalId) -> Approval:
        """Return an approval. Raises ApprovalNotFound."""
        ...

    async def list(self, which: ApprovalFilter, page: PageRequest, newest_first: bool = False) -> Page[Approval]:
        """Return a page of the approvals that match, in the order in which they were asked for, or in reverse.

        Raises:
            InvalidRequest: the cursor is not one of this list.
        """
        ...
