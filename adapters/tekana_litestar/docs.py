"""The documentation page at /api. Its assets are in `docs_page`, and no other host is used."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from litestar import Request, route
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException

from tekana_litestar.openapi import document
from tekana_litestar.responses import HttpResponse

# The styles are inline: Scalar makes them as it goes. Everything else comes from here.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

_TYPES: Final = {
    "scalar-api-reference.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_READ: Final[dict[str, Any]] = {"http_method": [HttpMethod.GET, HttpMethod.HEAD], "opt": {"public": True}}


@cache
def _asset(name: str) -> bytes:
    return files("tekana_litestar").joinpath("docs_page", name).read_bytes()


@route("/", **_READ)
async def redirect_to_docs() -> HttpResponse:
    """Lead browsers from the root to the documentation."""
    return HttpResponse(302, headers=[("Location", "/api")])


@route("/api", **_READ)
async def get_page() -> HttpResponse:
    """Return the page."""
    headers = [("Content-Security-Policy", _POLICY), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-cache")]
    return HttpResponse(200, _asset("index.html"), headers, media_type="text/html; charset=utf-8")


@route("/api/openapi.json", **_READ)
async def get_openapi() -> HttpResponse:
    """Return the OpenAPI document."""
    return HttpResponse(200, document(), [("Cache-Control", "no-cache")])


@route("/api/{name:str}", **_READ)
async def get_asset(request: Request[Any, Any, Any]) -> HttpResponse:
    """Return one of the page's files."""
    name = request.path_params["name"]
    if name not in _TYPES:
        raise NotFoundException
    return HttpResponse(200, _asset(name), [("Cache-Control", "max-age=3600")], media_type=_TYPES[name])


HANDLERS: Final = [redirect_to_docs, get_page, get_openapi, get_asset]
