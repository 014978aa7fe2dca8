"""What the OpenAPI document says beside what the routes say about themselves."""

from __future__ import annotations

from typing import Any, Final

ABOUT: Final = """\
Customers, their wallets, and money that moves between them.

- **Every request** but those for sign-in, health and metrics has a credential: `Authorization: Bearer` and an API key,
  or a customer's access token. In development, `tekana serve` keeps an API key in `~/.tekana/operator.key`.
- **The page at `/api`** sends what you have typed, but replaces the identifiers and contacts of the examples by those
  of this ledger, or by new ones, so that each example can be sent.
- **Amounts** are decimal strings in major units beside their currency: `"1500"` RWF, `"12.50"` USD.
- **Retries are safe** with an `Idempotency-Key`: the same request under the same key gets the first answer again,
  marked `Idempotency-Replayed: true`. Money does not move without a key.
- **Problems** are `application/problem+json` with a stable `code`. After a `503` the outcome is unknown: retry with the
  same key.
- **Too many requests** are answered `429` with `Retry-After`: nothing was done, so that the same request can be sent
  again.
- **Lists** come in pages: follow `next_cursor`.
- **Times** are RFC 3339 in UTC.
"""

STATUSES: Final = {
    200: "Done.",
    201: "Created.",
    202: "It is accepted, and not done yet.",
    204: "Done; the response has no body.",
    207: "Some of it was done, some was refused.",
    400: "The request is malformed.",
    401: "There is no valid credential, or more than one.",
    403: "The caller may not do this.",
    404: "There is no such thing.",
    408: "The request did not come in time.",
    409: "Not possible in the present state.",
    410: "It is not kept any more.",
    412: "It changed since you read it.",
    413: "The body is too large.",
    415: "The body is not declared as JSON in UTF-8.",
    422: "A rule says no.",
    428: "The request must say which version it is about.",
    429: "Too many requests: nothing was done.",
    431: "The headers are too large.",
    503: "Not now; whether it was done is unknown.",
}

_REQUEST_ID_SCHEMA: Final = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"}

HEADERS: Final[dict[str, Any]] = {
    "X-Request-ID": {"description": "The name of this request in our logs.", "schema": _REQUEST_ID_SCHEMA},
    "Location": {"description": "Where the new thing is.", "schema": {"type": "string", "format": "uri-reference"}},
    "Content-Disposition": {
        "description": "The name of the file, for forms that are kept as files.",
        "schema": {"type": "string"},
        "example": 'attachment; filename="statement.csv"',
    },
    "ETag": {"description": "The customer's version, for `If-Match`.", "schema": {"type": "string"}, "example": '"3"'},
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "schema": {"type": "string"},
        "example": 'Bearer realm="tekana"',
    },
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}},
    "Cache-Control": {"description": "How long it may be kept.", "schema": {"type": "string"}},
    "RateLimit-Policy": {
        "description": "A rate limit: its name, how many requests it allows (`q`), and in how many seconds (`w`).",
        "schema": {"type": "string"},
        "example": '"recipients";q=30;w=60',
    },
    "RateLimit": {
        "description": "What this rate limit leaves: how many requests (`r`), and in how many seconds it begins anew "
        "(`t`).",
        "schema": {"type": "string"},
        "example": '"recipients";r=0;t=42',
    },
    "Idempotency-Replayed": {
        "description": "The request was answered before, under this key: this is that answer again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, `tk_…`, or a customer's access token, in the header `Authorization: Bearer`.",
}

IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "description": "Your own name for this very request: 1 to 255 printable ASCII characters. Repeat it when you "
    "retry.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match",
    "description": "The `ETag` that you read, or several with commas between them; `*` stands for any version.",
    "schema": {
        "type": "string",
        "pattern": r'^(\*|(W/)?"[1-9][0-9]*"(, *(W/)?"[1-9][0-9]*")*)$',
    },
    "example": "*",
}

X_REQUEST_ID: Final[dict[str, Any]] = {
    "name": "X-Request-ID",
    "description": "Your own name for the request, for our logs: 1 to 128 letters, digits, `.`, `_` or `-`. Anything "
    "else is replaced by a new one.",
    "schema": {"type": "string"},
}

WEBHOOK: Final = (
    "An event, sent to each webhook endpoint that wants its type, signed as Standard Webhooks says: check the "
    "signature before you trust it. It is sent at least once, and the events of one aggregate in order: drop "
    "duplicates by `webhook-id`. There will be more types of events, and more fields: ignore those that are unknown."
)

WEBHOOK_HEADERS: Final[list[dict[str, Any]]] = [
    {
        "name": "webhook-id",
        "description": "The same each time the event is delivered.",
        "schema": {"type": "string"},
    },
    {
        "name": "webhook-timestamp",
        "description": "When it was sent, in seconds since 1970.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    {
        "name": "webhook-signature",
        "description": "`v1,` and the signature in base64; for 24 hours after a new secret two of them, with a blank "
        "between.",
        "schema": {"type": "string"},
    },
]
