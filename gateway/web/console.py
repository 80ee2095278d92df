"""Serves the console: pages, styles and scripts of our own, under a policy that lets nothing else run.

https://www.w3.org/TR/CSP3/
"""

import hashlib
import mimetypes
from importlib import resources

from aiohttp import web
from msgspec import Struct

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}  # fmt: skip
INDEX = "index.html"


class Page(Struct, frozen=True):
    """One file as it is served."""

    body: bytes
    kind: str
    tag: str


def pages() -> dict[str, Page]:
    """Every file of the console by its name under `static/`."""
    found: dict[str, Page] = {}
    folder = resources.files("gateway.web").joinpath("static")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        body = file.read_bytes()
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        found[file.name] = Page(body, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
    return found


class Console:
    """The files in memory; who has the newest one is told so."""

    def __init__(self) -> None:
        self._pages = pages()

    def add_to(self, app: web.Application) -> None:
        """Adds the console to an application."""
        app.router.add_get("/", self._index)
        app.router.add_get("/static/{name}", self._file)

    async def _index(self, request: web.Request) -> web.Response:
        return self._answer(request, INDEX)

    async def _file(self, request: web.Request) -> web.Response:
        return self._answer(request, request.match_info["name"])

    def _answer(self, request: web.Request, name: str) -> web.Response:
        page = self._pages.get(name)
        if page is None:
            raise web.HTTPNotFound
        headers = {**HEADERS, "ETag": page.tag}
        if request.headers.get("If-None-Match") == page.tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=page.body, content_type=page.kind, charset="utf-8", headers=headers)
