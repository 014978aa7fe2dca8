"""Routes: Litestar handlers that say what they take and return, and the call that each of them gets.

    command   a route that changes something
    query     a route that reads: GET, and HEAD likewise

A handler's docstring is its documentation: the first line is the summary. It takes a `Call`, which a dependency of the
app provides, with everything read and checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar, cast

from litestar import Request, route
from litestar.enums import HttpMethod
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from tekana import AnyMoneyCommand, Caller, Command, Session, Tekana, TekanaError
from tekana.application.executed import Executed
from tekana.domain.answers import Answer
from tekana.domain.audit_log import Origin
from tekana_litestar.access import Access, Does, access_needed, open_session
from tekana_litestar.approval_view import Approval
from tekana_litestar.bodies import Body
from tekana_litestar.caller import client_address, confirm_caller
from tekana_litestar.headers import Headers, expected_versions, idempotency_key
from tekana_litestar.identifiers import canonical_uuid
from tekana_litestar.queries import Query, read_query
from tekana_litestar.quotas import OperationRate
from tekana_litestar.responses import Response
from tekana_litestar.server_sent_events import Streams

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive

    from tekana_litestar.rate_limits import RateLimits

KeyRule = Literal["none", "optional", "required"]


class Returns(NamedTuple):
    """A response that is no problem.

    Attributes:
        status: its status.
        kind: the Struct of its body in JSON; None where it has none.
        headers: its own headers.
        meaning: what it means, where the status does not say it.
        is_kept: whether it is kept under the key, so that a repeated request gets it again, marked.
        example: its body, where the examples of the fields do not say it.
        texts: its other forms, by their media types: an example of each; None for a form that is no text.
    """

    status: int
    kind: Any = None
    headers: tuple[str, ...] = ()
    meaning: str | None = None
    is_kept: bool = True
    example: Any = None
    texts: Mapping[str, str | None] = {}


WAITS: Final = Returns(
    202,
    Approval,
    ("Location",),
    meaning="It needs the approval of a second person, and waits for that. Nothing was done yet.",
)
"""The response of routes of commands that can be set to need an approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes, returns and refuses.

    Attributes:
        returns: its responses that are no problems.
        query: its parameters; None where any are accepted.
        body: how its body is read.
        key: whether it takes an `Idempotency-Key`.
        if_match: whether it needs `If-Match`.
        headers: further headers that it reads, as OpenAPI describes parameters.
        refusals: the errors that a request can meet beside those of the command in its body, and those of any request.
        access: the scopes that a caller needs; None for those that need no credential and no scope.
        rate: its own rate limit, beside those of all requests, where it needs a tighter one.
        is_probe: whether rate limits leave it out.
    """

    returns: tuple[Returns, ...]
    query: type[Query] | None = Query
    body: Body | None = None
    key: KeyRule = "none"
    if_match: bool = False
    headers: tuple[Mapping[str, Any], ...] = ()
    refusals: tuple[type[TekanaError], ...] = ()
    access: Access | None
    rate: OperationRate | None = None
    is_probe: bool = False

    @property
    def public(self) -> bool:
        """Whether it needs no credential and no scope."""
        return self.access is None

    def __deepcopy__(self, memo: object) -> Operation:
        """Return itself: Litestar copies a handler that it registers, with all that the handler holds."""
        return self


InputT_co = TypeVar("InputT_co", covariant=True)
QueryT_co = TypeVar("QueryT_co", covariant=True)
AnswerT = TypeVar("AnswerT", bound=Answer)


class Call(Generic[InputT_co, QueryT_co]):
    """A request that was read and checked.

    Attributes:
        session: what the caller can do and read. Only of operations that are not public.
        input: the command, or what else the body was read into.
        query: the parameters.
        ids: what the path names, by name: identifiers, and texts such as a currency.
        versions: those that `If-Match` allows; None stands for any.
        scope: the request as ASGI has it.
    """

    __slots__ = ("_key", "ids", "input", "query", "scope", "session", "versions")

    session: Session

    def __init__(
        self,
        scope: HTTPScope,
        session: Session | None,
        input: InputT_co,
        query: QueryT_co,
        ids: Mapping[str, Any],
        key: KeyRule,
        versions: frozenset[int] | None,
    ) -> None:
        self.scope = scope
        if session is not None:  # a public operation has none
            self.session = session
        self.input = input
        self.query = query
        self.ids = ids
        self.versions = versions
        self._key = key

    @property
    def tekana(self) -> Tekana:
        """The core."""
        return cast("Tekana", self.scope["litestar_app"].state.tekana)

    @property
    def key(self) -> str | None:
        """The idempotency key, where the route takes one. Raises InvalidRequest if it is missing or malformed."""
        return None if self._key == "none" else idempotency_key(self.headers, required=self._key == "required")

    @property
    def headers(self) -> Headers:
        """The headers of the request."""
        return self.scope["headers"]

    @property
    def path(self) -> str:
        """The path of the request."""
        return self.scope["path"]

    @property
    def address(self) -> str:
        """The address of the client: see client_address.py."""
        return cast("str", self.scope["state"]["client_address"])

    @property
    def request_id(self) -> str:
        """The name of the request in logs, records and responses."""
        return cast("str", self.scope["state"]["request_id"])

    @property
    def origin(self) -> Origin:
        """Where the request comes from, for the audit log."""
        return Origin(client_address(self.scope), self.request_id)

    @property
    def streams(self) -> Streams:
        """The streams that this worker serves."""
        return cast("Streams", self.scope["litestar_app"].state.streams)

    async def confirm(self) -> None:
        """Check that the caller's credential is still valid. Raises Unauthenticated or Unavailable."""
        await confirm_caller(self.scope)

    def count_recipients(self, commands: Iterable[AnyMoneyCommand]) -> None:
        """Count the phone numbers that the commands name as payees: see `RateLimits.count_recipients`."""
        limits: RateLimits = self.scope["litestar_app"].state.rate_limits
        limits.count_recipients(self.address, cast("Caller", self.scope["user"]), commands)

    async def submit(self, command: Command[AnswerT]) -> Executed[AnswerT]:
        """Execute a command once, however often it is requested under the same key.

        Raises:
            TekanaError: as Session.submit does.
        """
        executed: Executed[AnswerT] = await self.session.submit(command, key=self.key, request_id=self.request_id)
        return executed


async def provide_call(request: Request[Any, Any, Any]) -> Call[Any, Any]:
    """Read and check a request as its operation says. The dependency `call` of every handler."""
    return await read_call(request.scope, request.receive, request.route_handler.opt["operation"])


async def read_call(scope: HTTPScope, receive: Receive, operation: Operation) -> Call[Any, Any]:
    """Read and check a request as its operation says.

    Raises:
        Forbidden: the caller has none of the scopes, whatever else is wrong with the request.
        InvalidRequest: something is wrong with it.
    """
    session = None if operation.access is None else open_session(scope, operation.access)
    headers = scope["headers"]
    query = None if operation.query is None else read_query(scope["query_string"], operation.query)
    ids = {
        name: canonical_uuid(name, text) if name.endswith("_id") else text
        for name, text in scope["path_params"].items()
    }
    versions = expected_versions(headers) if operation.if_match else None
    if operation.key != "none":
        idempotency_key(headers, required=False)  # a malformed one is refused, even where a dry run needs none
    input_ = None
    if operation.body is not None:
        input_ = await operation.body.read(receive, headers, ids)
        if session is not None:
            await confirm_caller(scope)  # the body may have taken longer than a revocation
    return Call(scope, session, input_, query, ids, operation.key, versions)


@cache
def is_public(handler: BaseRouteHandler) -> bool:
    """Return whether a handler answers requests without a credential."""
    operation = operation_of(handler)
    return operation.public if operation else handler.opt.get("public") is True


@cache
def operation_of(handler: BaseRouteHandler) -> Operation | None:
    """Return the operation of a handler; None if it has none, as the pages of the documentation."""
    operation = handler.opt.get("operation")
    return operation if isinstance(operation, Operation) else None


@cache
def is_plain(handler: HTTPRouteHandler) -> bool:
    """Return whether a handler can be called without Litestar: nothing that was registered is in front of it."""
    return "operation" in handler.opt and not any(
        (
            handler.resolve_guards(),
            handler.resolve_middleware(),
            handler.resolve_before_request(),
            handler.resolve_after_response(),
            *(layer.after_request for layer in handler.ownership_layers),
        )
    )


Handler = Callable[..., Awaitable[Response]]

_READ: Final = [HttpMethod.GET, HttpMethod.HEAD]


def query(
    path: str, *returns: Returns, does: Does | None = None, public: bool = False, **parts: Any
) -> Callable[[Handler], HTTPRouteHandler]:
    """Serve GET, and HEAD likewise. It reads from the reader `does`. `parts` are other attributes of the Operation."""
    operation = Operation(returns=returns, access=access_needed(does, None, public), **parts)
    return route(path, http_method=_READ, opt={"operation": operation})


def command(
    path: str,
    *returns: Returns,
    method: HttpMethod = HttpMethod.POST,
    key: KeyRule = "optional",
    does: Does | None = None,
    public: bool = False,
    body: Body | None = None,
    **parts: Any,
) -> Callable[[Handler], HTTPRouteHandler]:
    """Serve a method that changes something, by the command `does`, or the one in its body if there is no other.

    `parts` are other attributes of the Operation.
    """
    # A response brings its own status; without one here, Litestar expects no response from DELETE.
    operation = Operation(returns=returns, key=key, body=body, access=access_needed(does, body, public), **parts)
    return route(path, http_method=method, status_code=200, opt={"operation": operation})
