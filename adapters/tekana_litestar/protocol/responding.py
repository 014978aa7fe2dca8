"""The half of a connection that answers: whose turn it is, deadlines, refusals, and closing."""

from __future__ import annotations

import asyncio
import logging
import math
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tekana_litestar.log_limits import RepeatLimit
from tekana_litestar.middleware import no_answer_in_time, request_id_of
from tekana_litestar.protocol import limits
from tekana_litestar.protocol.hot_routes import HotRequest, HotRoutes
from tekana_litestar.protocol.rendering import ResponseRenderer, refusal_answer
from tekana_litestar.protocol.transport import JoiningTransport
from tekana_litestar.request_log import RequestLog

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from uvicorn.server import ServerState

    from tekana_litestar.responses import HttpResponse

_NEVER: Final = math.inf

_log = logging.getLogger("tekana.http.protocol")
_log.addFilter(RepeatLimit())


class Incoming(Enum):
    """How much of a request is there."""

    IDLE = auto()
    """Nothing, or all of it."""
    HEAD = auto()
    """A part of its head."""
    BODY = auto()
    """Its head, and not the end of its body."""


class _PipelineFlowControl(FlowControl):
    """Reads nothing while requests wait for their turn: to read more would only make the queue longer."""

    held = False

    def resume_reading(self) -> None:
        """Read on, unless it is held."""
        if not self.held:
            super().resume_reading()


class _Shared:
    """What all connections of a worker share."""

    def __init__(self, loop: asyncio.AbstractEventLoop, server_state: ServerState) -> None:
        self.timer = limits.DeadlineTimer(loop, cast("Any", server_state.connections))
        self.renderer = ResponseRenderer(server_state)


class RespondingProtocol(HttpToolsProtocol):
    """Sends answers.

    `cycle` is the newest request, `_active` the one whose turn it is, and `pipeline` holds those in between.
    """

    flow: _PipelineFlowControl
    cycle: Any  # uvicorn's, or a HotRequest

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        shared: _Shared | None = self.app_state.get("http_protocol")
        if shared is None:
            shared = self.app_state["http_protocol"] = _Shared(self.loop, self.server_state)
        self._timer = shared.timer
        self._renderer = shared.renderer
        self._hot_routes: HotRoutes = self.app_state.get("hot_routes") or HotRoutes()
        self.request_log: RequestLog = self.app_state.get("request_log") or RequestLog()
        self._incoming = Incoming.IDLE
        self._active: HotRequest | RequestResponseCycle | None = None
        self._refusal: tuple[HttpResponse, str] | None = None  # to be sent when it is its turn, and the request's id
        self._refusal_is_the_apps = False  # it began with the request, and writes the line of the access log
        self._refused_hot_request: HotRequest | None = None  # writes the line, too
        self._deaf = False  # what comes is thrown away
        self._stopping = False
        self._is_closed = False
        self._deadline = _NEVER
        self._write_deadline = _NEVER

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection."""
        self._transport = transport
        super().connection_made(cast("asyncio.Transport", JoiningTransport(transport, self.loop, self._close)))
        self.flow = _PipelineFlowControl(transport)
        self._timer.start()
        self._deadline = self._timer.now + limits.IDLE_TIMEOUT_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        """Have nothing more sent."""
        self._deaf = True
        self._incoming, self._refusal = Incoming.IDLE, None
        active = self._active
        if active is not None:
            active.disconnected = True
            active.message_event.set()
            if isinstance(active, HotRequest) and not active.response_started and not active.response_complete:
                active.log(None)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Let the answers in flight end, and streams, which do not end by themselves: the server stops."""
        self._stopping = True
        self.app_state["streams"].close()
        super().shutdown()

    def pause_writing(self) -> None:
        """Read no more requests of a client that does not read its answers."""
        self.flow.pause_writing()
        self.flow.pause_reading()
        self._write_deadline = self._timer.now + limits.WRITE_TIMEOUT_SECONDS

    def resume_writing(self) -> None:
        """Go on, as the client has read."""
        self.flow.resume_writing()
        self.flow.resume_reading()
        self._write_deadline = _NEVER

    # --- the order of answers -------------------------------------------------------------------------------------

    def _is_answering(self) -> bool:
        return self._active is not None and not self._active.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def send_answer(self, request: HotRequest, answer: HttpResponse) -> None:
        """Send the answer to a hot request. A pause after it leaves the connection's next request alone."""
        self.transport.write_whole(self._renderer(answer, request.id, keep_alive=request.keep_alive))  # type: ignore[attr-defined]
        if answer.pause_seconds:
            self.loop.call_later(answer.pause_seconds, self._finish, request)
        else:
            self._finish(request)

    def _finish(self, request: HotRequest) -> None:
        request.response_complete = True
        if not request.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self.flow.held = bool(self.pipeline)
            self._start_asgi_task(cycle, app)
        elif self._refusal is not None:
            self._send_refusal()
            return
        if not self.flow.write_paused:
            self.flow.resume_reading()
        self._deadline = self._timer.now + self._incoming_timeout_seconds()

    def _incoming_timeout_seconds(self) -> float:
        match self._incoming:
            case Incoming.IDLE:
                return limits.IDLE_TIMEOUT_SECONDS
            case Incoming.HEAD:
                return limits.HEAD_TIMEOUT_SECONDS
            case Incoming.BODY:
                return limits.BODY_TIMEOUT_SECONDS

    # --- refusals -------------------------------------------------------------------------------------------------

    def _refuse(
        self, status: int, detail: str, *, reason: BaseException | None = None, is_unexpected: bool = False
    ) -> None:
        """Answer the request that is being received with a problem, once it is its turn, and close the connection."""
        self._deaf = True
        hot = self.cycle if self._incoming is Incoming.BODY and isinstance(self.cycle, HotRequest) else None
        given = (value for name, value in self.headers or () if name == b"x-request-id")
        request_id = hot.id if hot else request_id_of(*given)
        _log.warning(
            "request %s refused with %d: %s", request_id, status, reason or detail,
            exc_info=reason if is_unexpected else None,
        )  # fmt: skip
        if self._incoming is Incoming.BODY and not self._take_back(status):
            self.transport.close()
            return
        self._refusal = refusal_answer(status, detail, request_id), request_id
        if self._is_answering():
            self.flow.pause_reading()
            self.flow.held = True
        else:
            self._send_refusal()

    def _take_back(self, status: int) -> bool:
        """Have the newest request not answered in the usual way. False if an answer to it has begun."""
        cycle = self.cycle
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
            return True
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            return False
        cycle.response_complete = True
        if isinstance(cycle, HotRequest):
            self._refused_hot_request = cycle
        else:
            self._refusal_is_the_apps = True
            cycle.scope["state"]["refused"] = status
        return True

    def _send_refusal(self) -> None:
        if self._refusal is not None:
            answer, request_id = self._refusal
            self.transport.write_whole(self._renderer(answer, request_id, keep_alive=False))  # type: ignore[attr-defined]
            self.transport.close()
            if self._refused_hot_request is not None:
                self._refused_hot_request.log(answer.status)
            elif not self._refusal_is_the_apps:
                begun = self.request_log.begin()
                self.request_log.end(
                    request_id, method=None, route=None, status=answer.status, begun=begun, caller=None
                )

    # --- the end --------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        """Close at once, or after a while if the client may still be sending: see LINGER_SECONDS."""
        self._deaf = True
        if self._incoming is Incoming.IDLE and self._refusal is None:
            self._end()
            return
        self.flow.held = False
        self.flow.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._deadline = self._timer.now + limits.LINGER_SECONDS

    def _end(self) -> None:
        self._is_closed = True
        self._deadline = self._timer.now + limits.CLOSE_TIMEOUT_SECONDS
        self._transport.close()

    def check_deadlines(self, now: float) -> None:
        """End what has lasted too long."""
        active = self._active
        if now > self._write_deadline:
            self._transport.abort()
        elif self.transport.is_closing():
            if now > self._deadline:
                self._transport.abort() if self._is_closed else self._end()
        elif self._is_answering():
            if isinstance(active, HotRequest) and now > active.deadline:
                active.fail(no_answer_in_time())
            elif self._incoming is Incoming.BODY and active is self.cycle and now > self._deadline:
                self._refuse_late()
        elif now > self._deadline:
            if self._incoming is Incoming.IDLE:
                self.transport.close()
            else:
                self._refuse_late()

    def _refuse_late(self) -> None:
        if not self.flow.read_paused:  # else it is not the client who is late
            self._refuse(408, limits.LATE_HEAD if self._incoming is Incoming.HEAD else limits.LATE_BODY)
