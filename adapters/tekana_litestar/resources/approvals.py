"""Approvals: what waits for a second person, and their decision."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import ApprovalFilter, ApprovalId, ApprovalNotFound, ApproveRequest, RejectRequest
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.domain.approvals import ApprovalStatus
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.approval_view import Approval
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_of
from tekana_litestar.fields import POSTED_AT, meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import Order, PageQuery, Query
from tekana_litestar.responses import Response, json_response


class ApprovalPage(ListPage[Approval], frozen=True, kw_only=True):
    """Some approvals, in the order in which they were asked for."""


class ApprovalQuery(PageQuery, frozen=True, kw_only=True):
    """Which approvals."""

    status: Annotated[ApprovalStatus, meta("Only approvals in this status.")] | UnsetType = UNSET
    order: Annotated[Order, fields.ORDER] = "asc"


_ID: Final = ("approval_id",)
_DECIDED: Final = {"decided_by": "key:2", "decided_at": POSTED_AT}
_APPROVED: Final = example_of(Approval) | _DECIDED | {"status": "approved"}
_APPROVED.update(resource="transaction", resource_id=fields.TRANSACTION_ID)
_REJECTED: Final = example_of(Approval) | _DECIDED | {"status": "rejected", "reason": RejectRequest.EXAMPLE["reason"]}
_OF_COMMANDS: Final = tuple(dict.fromkeys(one for kind in APPROVABLE.values() for one in kind.REFUSALS))


@query("/", Returns(200, ApprovalPage), query=ApprovalQuery, does=SessionReaders.approvals)
async def list_approvals(call: NamedDependency[Call[None, ApprovalQuery]]) -> Response:
    """List approvals.

    Requests that wait for the approval of a second person, or were decided, in the order in which they were asked for.
    """
    asked = call.query
    page = await call.session.approvals.list(
        asked.select(ApprovalFilter), asked.page(call.path), newest_first=asked.order == "desc"
    )
    return page_response(call.path, page, ApprovalPage, Approval.from_domain)


@query("/{approval_id:str}", Returns(200, Approval), refusals=(ApprovalNotFound,), does=SessionReaders.approvals)
async def get_approval(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read an approval.

    What was asked for, by whom, and what became of it: when it is approved, `resource_id` leads to what was done.
    """
    return json_response(200, Approval.from_domain(await _approval(call)))


@command(
    "/{approval_id:str}/approve",
    Returns(200, Approval, example=_APPROVED),
    body=Body(ApproveRequest, without=_ID),
    refusals=_OF_COMMANDS,
)
async def approve_request(call: NamedDependency[Call[ApproveRequest, Query]]) -> Response:
    """Approve a request.

    What was asked for is done now, once, in the name of the caller who asked. It needs the same scope as asking did,
    and another caller than the one who asked. If a rule refuses it now, the problem is that of the rule, and the
    approval has failed.
    """
    done = await call.submit(call.input)
    return json_response(200, Approval.from_domain(await _approval(call)), replayed=done.replayed)


@command(
    "/{approval_id:str}/reject",
    Returns(200, Approval, example=_REJECTED),
    body=Body(RejectRequest, without=_ID, name="ApprovalRejection", doc="Why nothing is done."),
)
async def reject_request(call: NamedDependency[Call[RejectRequest, Query]]) -> Response:
    """Reject a request.

    What was asked for is never done. The caller who asked cannot reject it either.
    """
    done = await call.submit(call.input)
    return json_response(200, Approval.from_domain(done.answer), replayed=done.replayed)


async def _approval(call: Call[Any, Query]) -> Any:
    return await call.session.approvals.get(ApprovalId(call.ids["approval_id"]))


ROUTER: Final = Router(
    "/v1/approvals",
    tags=["Approvals"],
    opt={"about_tag": "Requests that a second person has to approve."},
    route_handlers=[list_approvals, get_approval, approve_request, reject_request],
)
