"""The HTTP/1.1 protocol of the server: a subclass of uvicorn's that owns framing, limits, deadlines and hot routes.

`HttpProtocol` parses requests with httptools, as uvicorn does, and adds:

- Framing (`connection.py`): where a message ends depends on its framing headers alone. `Upgrade` is ignored, trailers
  are no headers, and a body that was not read to its end is never parsed as a request: the connection is closed.
- Limits and deadlines (`limits.py`): of a request's head, of trailers, of idle connections, of clients that stop in the
  middle of a request or do not read their answers. What exceeds them is answered with a problem (400, 408, 431).
- Hot routes (`hot_routes.py`): a few operations that are called straight from the parser. Every other request goes
  through ASGI, Litestar and the middleware.

How to declare a hot route
--------------------------
A hot route is a second way to call an operation that is served over ASGI too, and has to give the same bytes:

    def create_things(requests: Sequence[HotRequest]) -> None:
        for request in requests:
            outcome = session.enqueue(decode(request.body), request_id=request.id)
            outcome.add_done_callback(lambda done: request.respond(lambda: answer_to(done.result())))

    HotRoute(b"POST", b"/v1/things", create_things, identify, accepts=has_valid_key, body_size_max=64 * 1024)

`handle` is called with all requests that came in one iteration of the event loop. It must have `respond` or `fail`
called for each, once, then or later: `respond` takes a function that returns an `HttpResponse`, and what that raises is
answered with its problem; so is what `handle` raises, for all of its requests. A path may end in `/{}`, which stands
for one UUID: `request.parameter`. The routes are the value of `hot_routes` in the ASGI lifespan state.

Only plain requests are handled this way: HTTP/1.1, no query, no header twice, a valid `Host`, `application/json` with a
`Content-Length` within the limit (or no body at all), no `Expect`, `Origin` or `Upgrade`, nothing else in progress on
the connection, whatever `accepts` requires of the headers, and a caller that `identify` knows without waiting. So a
handler never sees a header that is missing or wrong.
"""

from tekana_litestar.protocol.connection import HttpProtocol
from tekana_litestar.protocol.hot_routes import HotRequest, HotRoute, HotRoutes

__all__ = ["HotRequest", "HotRoute", "HotRoutes", "HttpProtocol"]
