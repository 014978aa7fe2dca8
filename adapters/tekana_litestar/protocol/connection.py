"""One HTTP/1.1 connection: framing, limits, and the order of its requests. See the package's docstring."""

from __future__ import annotations

from typing import Any, Final

import httptools

from tekana_litestar import middleware
from tekana_litestar.protocol import limits
from tekana_litestar.protocol.hot_routes import HotRequest
from tekana_litestar.protocol.responding import Incoming, RespondingProtocol

_BLANKS: Final = b" \t"


class _EndOfRequests(Exception):
    """Bytes after the last request of a connection."""


class _HeadTooLarge(Exception):
    """A head over one of its limits."""


class HttpProtocol(RespondingProtocol):
    """Receives requests: the callbacks of the parser, and the limits of what it is given."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Bytes that came since the parser got on: of a head that is not complete, or between parts of a body. Callbacks
        # set it to minus the size of the data that is being parsed, which is added afterwards.
        self._pending_size = 0
        self._data_size = 0
        self._begins_with_data = False  # the next head begins where the data that is being parsed begins
        self._head_size_is_known = False
        self._may_keep_alive = True  # after the request that is being received
        self._ended = False  # no request comes after this one

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        while data and not self._deaf:
            data = self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        """Parse data. Returns what is to be parsed next."""
        self._data_size = len(data)
        self._begins_with_data = self._incoming is Incoming.IDLE
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._head_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse_malformed(error)
        else:
            self._pending_size += self._data_size
            if self._pending_size > limits.HEAD_SIZE_MAX:
                self._refuse_large_head()
        return b""

    # --- callbacks of the parser ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a head."""
        if self._ended:
            raise _EndOfRequests
        self._incoming = Incoming.HEAD
        self._deadline = self._timer.now + limits.HEAD_TIMEOUT_SECONDS
        self._head_size_is_known = self._begins_with_data
        self._pending_size = 0 if self._begins_with_data else -self._data_size
        self._begins_with_data = False
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, without the blanks around its value; a trailer is none."""
        if self._incoming is Incoming.HEAD:
            self.headers.append((name.lower(), value.strip(_BLANKS)))

    def on_headers_complete(self) -> None:
        """Find the way that the request is served on."""
        if self.parser.should_upgrade():  # the parser is about to stop: see _head_without_upgrade
            return
        self._check_head()
        version = self.parser.get_http_version()
        self._may_keep_alive = version == "1.1" and self.parser.should_keep_alive()
        hot = None
        if not self._is_answering() and version == "1.1":
            hot = self._hot_routes.find(self.parser.get_method(), self.url, self.headers)
        if hot is None:
            self._begin_asgi()
        else:
            self.cycle = self._active = HotRequest(self, *hot)
            try:
                self._hot_routes.admit(self.cycle)
            except Exception as error:
                self.cycle.refusal = error
        self._incoming = Incoming.BODY
        self._pending_size = -self._data_size
        self._deadline = self._timer.now + limits.BODY_TIMEOUT_SECONDS

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._pending_size = -self._data_size
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the connection go on after this request, and have a hot one handled."""
        if self._incoming is not Incoming.BODY:  # an upgrade: its head comes again
            return
        self._incoming = Incoming.IDLE
        self._pending_size = -self._data_size
        cycle = self.cycle
        if not cycle.response_started:
            cycle.keep_alive = self._may_keep_alive and not self._stopping
        self._ended = not cycle.keep_alive
        if isinstance(cycle, HotRequest):
            cycle.begin(self._timer.now + middleware.REQUEST_TIMEOUT_SECONDS)
        else:
            super().on_message_complete()

    # --- heads ----------------------------------------------------------------------------------------------------

    def _check_head(self) -> None:
        if len(self.headers) > limits.HEADER_COUNT_MAX:
            raise _HeadTooLarge
        if self._head_size_is_known and self._pending_size + self._data_size <= limits.HEAD_SIZE_MAX:
            return
        size = len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        if size > limits.HEAD_SIZE_MAX:
            raise _HeadTooLarge

    def _begin_asgi(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()  # makes the scope
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        super().on_headers_complete()
        if self.pipeline:
            self.flow.held = True
        # An answer before the end of the request is the last one: what is left of the body is no request.
        self.cycle.keep_alive = False

    def _head_without_upgrade(self, rest: bytes) -> bytes:
        """What the parser would have been given if the client had not asked for another protocol (RFC 9110, 7.8).

        The parser takes what follows such a head for the other protocol. A new one gets the head without `Upgrade`.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400, "CONNECT is not supported")
            return b""
        head = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b\r\n" % (name, value) for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn: on_message_begin refuses it
        return b"".join([*head, b"\r\n", rest])

    # --- what is refused ------------------------------------------------------------------------------------------

    def _refuse_malformed(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        match cause:
            case _EndOfRequests():
                self._deaf = True
            case _HeadTooLarge():
                self._refuse_large_head()
            case None | httptools.HttpParserError():
                self._refuse(400, "the request is not valid HTTP/1.1", reason=cause or error)
            case _:
                self._refuse(400, "the request is not valid HTTP/1.1", reason=cause, is_unexpected=True)

    def _refuse_large_head(self) -> None:
        self._refuse(431, limits.LARGE_HEAD)
