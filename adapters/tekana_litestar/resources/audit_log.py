"""The audit log: who did what, in pages or as an export."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, Meta, UnsetType

from tekana import PageRequest
from tekana.domain.audit_log import AuditEntry as DomainEntry
from tekana.domain.audit_log import AuditOutcome, AuditValue
from tekana.domain.caller import CallerKind
from tekana.ports.audit_log import AuditFilter
from tekana.ports.page import PAGE_SIZE_MAX
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.examples import example_of
from tekana_litestar.export import NDJSON, Export, pages_of
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import Cursor, Limit, Order, Query, page_request
from tekana_litestar.responses import Response, encode
from tekana_litestar.views import shown

_SUBJECT: Final = f"key:{fields.API_KEY_ID}"
_ADDRESS: Final = "192.0.2.17"


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done, or refused. It has no names, contacts, secrets or free text."""

    id: Annotated[UUID, meta(None, fields.AUDIT_ENTRY_ID)]
    at: Annotated[datetime, fields.time()]
    tenant: Annotated[str, meta("Whose customers and money it is about.", "main")]
    subject: Annotated[str, meta("Who acted; `unknown` without a valid credential.", _SUBJECT)]
    kind: Annotated[CallerKind | None, meta("What kind of caller; null if unknown.", "operator")]
    action: Annotated[str, meta("The command, the reader, or another act. There will be more.", "FreezeWallet")]
    outcome: AuditOutcome
    code: Annotated[str | None, meta("Why it was refused: the code of the error; null if it was done.")]
    resource: Annotated[str | None, meta("What kind of thing it is about.", "wallet")]
    resource_id: Annotated[UUID | None, meta(None, fields.WALLET_ID)]
    request_id: Annotated[str | None, meta("The request; of several, the first.", fields.REQUEST_ID)]
    address: Annotated[str | None, meta("Where the request came from; null for the server itself.", _ADDRESS)]
    before: Annotated[
        dict[str, AuditValue] | None, meta("What changed, as it was; null for something new.", {"status": "active"})
    ]
    after: Annotated[dict[str, AuditValue] | None, meta("The same, as it is afterwards.", {"status": "frozen"})]
    personal_fields: Annotated[
        tuple[str, ...], meta("The names of changed fields whose values are not shown.", ["freeze_reason"])
    ]
    occurrences: Annotated[int, meta("How many equal acts of a minute this stands for.", 1)]

    @classmethod
    def from_domain(cls, one: DomainEntry) -> AuditEntry:
        """Return what clients see of an entry."""
        return shown(cls, one)


class AuditEntryPage(ListPage[AuditEntry], frozen=True, kw_only=True):
    """Some entries of the audit log."""


class AuditExportQuery(Query, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Which entries."""

    subject: Annotated[str, meta("Only what this caller did.", _SUBJECT), Meta(max_length=255)] | UnsetType = UNSET
    action: Annotated[str, meta("Only acts of this name.", "FreezeWallet"), Meta(max_length=100)] | UnsetType = UNSET
    outcome: Annotated[AuditOutcome, meta("Only what was done, or what was refused.")] | UnsetType = UNSET
    resource_id: Annotated[UUID, meta("Only what is about this.", fields.WALLET_ID)] | UnsetType = UNSET
    start: Annotated[datetime, fields.time("Only entries of this time or later.")] | UnsetType = UNSET
    end: Annotated[datetime, fields.time("Only entries before this time.")] | UnsetType = UNSET


# Without PageQuery as a base, as Structs cannot inherit from two that have fields.
class AuditLogQuery(AuditExportQuery, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Which entries, and which page of them."""

    limit: Limit = PageRequest().limit
    cursor: Cursor | UnsetType = UNSET
    order: Annotated[Order, fields.ORDER] = "desc"


def _line(entry: DomainEntry) -> bytes:
    return encode(AuditEntry.from_domain(entry)) + b"\n"


@query("/", Returns(200, AuditEntryPage), query=AuditLogQuery, does=SessionReaders.audit_log)
async def list_audit_entries(call: NamedDependency[Call[None, AuditLogQuery]]) -> Response:
    """Find out who did what.

    Every privileged act and every refused one, the newest first: by whom, on what, from where, and what changed. Money
    that moves is not here: its transactions are its record, also the rejected ones. The entries of your tenant; those
    of all tenants with `tenants:all`. That you read them is an entry, too.
    """
    asked = call.query
    page = await call.session.audit_log.list(
        page_request(call.path, asked.limit, asked.cursor, "cursor"),
        asked.select(AuditFilter),
        newest_first=asked.order == "desc",
    )
    return page_response(call.path, page, AuditEntryPage, AuditEntry.from_domain)


_EXAMPLE: Final = encode(example_of(AuditEntry)).decode() + "\n"


@query("/export", Returns(200, texts={NDJSON: _EXAMPLE}), query=AuditExportQuery, does=SessionReaders.audit_log)
async def export_audit_log(call: NamedDependency[Call[None, AuditExportQuery]]) -> Response:
    """Export the audit log.

    The entries that match everything given, the oldest first, one JSON object a line, with all of them in one response.
    A connection that is cut off before the end of the response means that entries are missing: ask again.
    """
    which, reader = call.query.select(AuditFilter), call.session.audit_log

    async def read(cursor: str | None) -> Any:
        return await reader.list(PageRequest(PAGE_SIZE_MAX, cursor), which)

    lines = (b"".join(map(_line, items)) async for items in pages_of(read))
    return await Export.begin(call.streams, lines, NDJSON)


ROUTER: Final = Router(
    "/v1/audit-log",
    tags=["Audit log"],
    opt={"about_tag": "Who did what, and what was refused."},
    route_handlers=[list_audit_entries, export_audit_log],
)
