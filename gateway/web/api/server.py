"""Serves a table of routes: lets in who may, reads what came, and answers whatever happens."""

import asyncio
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct
from yarl import URL

from gateway.domain.clock import Clock
from gateway.web.api import cookie
from gateway.web.api.openapi import HTML, ZIP, describe
from gateway.web.api.ports import Intake, Remembered
from gateway.web.api.principal import ANYBODY, Denied, Issuer, KeyBook, Principal, authenticate
from gateway.web.api.route import Answer, Call, FaultAt, Problem, Route, refused
from gateway.web.api.stream import PATH as STREAM
from gateway.web.api.stream import Stream
from gateway.web.api.views import READERS
from gateway.web.problem import MEDIA_TYPE

BODY_S = 20.0
"""for so long a body may take to come"""
MOST_KEY = 255
"""characters of an idempotency key"""
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

_encode = msgspec.json.Encoder().encode


class Api:
    """The routes, and what stands before every one of them."""

    def __init__(
        self, routes: Iterable[Route], keys: KeyBook, intake: Intake, clock: Clock, stream: Stream,
        issuer: Issuer | None = None,
    ) -> None:  # fmt: skip
        self.routes, self.keys, self.intake, self.clock = list(routes), keys, intake, clock
        self.stream, self.issuer = stream, issuer

    def add_to(self, app: web.Application) -> None:
        """Adds every route to an application, and what describes them."""
        for route in self.routes:
            handler = self._handler(route)
            app.router.add_route(route.method, _pattern(route.path), handler)
            if route.method == "GET":  # RFC 9110, 9.1
                app.router.add_route("HEAD", _pattern(route.path), handler)
        description = _encode(describe(self.routes, version("collections-notification-gateway")))

        async def tell(_request: web.Request) -> web.Response:
            return web.Response(body=description, content_type="application/json", headers=HEADERS)

        app.router.add_get("/openapi.json", tell)
        app.router.add_get(STREAM, self._watch)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        try:
            who = await self._who(request)
        except ConnectionError:
            return _response(_AWAY)
        if isinstance(who, Denied):
            return _response(_denied(who))
        if not who.roles & READERS:
            return _response(_denied(Denied(403, f"this needs one of the roles {', '.join(sorted(READERS))}")))
        return await self.stream.serve(request, who)

    def _handler(self, route: Route) -> Any:
        async def handle(request: web.Request) -> web.Response:
            return _response(await self._answer(route, request))

        return handle

    async def _answer(self, route: Route, request: web.Request) -> Answer:
        try:
            who = await self._anybody(route, request) if route.public else await self._who(request)
        except ConnectionError:
            return _AWAY
        if isinstance(who, Denied):
            return _denied(who)
        if not route.public and not who.roles & route.roles:
            return _denied(Denied(403, f"this needs one of the roles {', '.join(sorted(route.roles))}"))
        if any("\0" in value for value in (*request.match_info.values(), *request.query.values())):
            return _bad_query("", "U+0000 is in no name")  # PostgreSQL could not even be asked for it
        query = _query(route.query, request)
        if isinstance(query, Answer):
            return query
        try:
            if route.body is None:
                return await route.act(Call(principal=who, path=_path(request), query=query, body=b""))
            return await self._with_body(route, request, who, query)
        except ConnectionError:
            return _AWAY

    async def _anybody(self, route: Route, request: web.Request) -> Principal:
        """Whoever asks what needs no key: as they are known, if only something is read."""
        who = await self._who(request) if route.method == "GET" else ANYBODY
        return ANYBODY if isinstance(who, Denied) else who

    async def _who(self, request: web.Request) -> Principal | Denied:
        given, now = request.headers.get("Authorization"), self.clock.now()
        carried = request.cookies.get(cookie.NAME)
        if given is not None or not carried:
            return await authenticate(given, _local(request), self.keys, now, self.issuer)
        if cookie.forged(request.method, request.headers, request.host):
            return Denied(403, "a session of the console is used by its own pages only")
        who = await authenticate(f"Bearer {carried}", False, self.keys, now)
        return who if isinstance(who, Denied) or who.kind == "person" else Denied(401, "the session has ended")

    async def _with_body(self, route: Route, request: web.Request, who: Principal, query: Struct) -> Answer:
        if request.content_type != "application/json":
            return refused(415, "Unsupported Media Type", "send Content-Type: application/json")
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except TimeoutError:
            return refused(408, "Request Timeout", f"the body did not come within {BODY_S:.0f} s")
        call = Call(
            principal=who, path=_path(request), query=query, body=body, match=_match(request),
            traceparent=_traceparent(request),
        )  # fmt: skip
        if route.match and call.match is None:
            return refused(428, "Precondition Required", "If-Match: name the digest that you looked at")
        name = request.headers.get("Idempotency-Key")
        if not route.once or name is None:
            return await route.act(call)
        if not 1 <= len(name) <= MOST_KEY or not name.isprintable():
            return refused(400, "Bad Request", f"Idempotency-Key: 1 to {MOST_KEY} visible characters")
        new = Remembered(
            key=hashlib.sha256(f"{who.kind}\x1f{who.id}\x1f{name}".encode()).hexdigest(),
            asked=hashlib.sha256(f"{route.name}\x1f{request.query_string}\x1f".encode() + body).hexdigest(),
        )
        return await self._once(route, msgspec.structs.replace(call, once=new), new)

    async def _once(self, route: Route, call: Call, new: Remembered) -> Answer:
        """Does what was asked under a key one time, and answers the same for a day after."""
        before = await self.intake.remembered(new)
        if before is not None:
            if before.asked != new.asked:
                detail = "the Idempotency-Key was used for another request; take a new one"
                return refused(422, "Unprocessable Content", detail)
            if not before.status:
                return refused(409, "Conflict", "the first request with this Idempotency-Key is still under way")
            replayed = {"Idempotent-Replayed": "true"}
            body = msgspec.Raw(before.body.encode()) if before.body else None
            return Answer(status=before.status, body=body, headers=replayed)
        done = False
        try:
            answer = await route.act(call)
            done = answer.status < 300
            if done and not route.many:  # documents are kept with their answer in one step
                told = "" if answer.body is None else _encode(answer.body).decode()
                await self.intake.keep(msgspec.structs.replace(new, status=answer.status, body=told))
            return answer
        finally:
            if not done:
                await self.intake.forget(new.key)


_AWAY = refused(503, "Service Unavailable", "the store or the ledger cannot be had now; come again")


def _match(request: web.Request) -> str | None:
    """What the header If-Match names, without its quotes."""
    given = request.headers.get("If-Match")
    return None if given is None else given.strip().strip('"')


def _traceparent(request: web.Request) -> str | None:
    """W3C Trace Context, 3.2.2: version, ids of the trace and the span, flags."""
    given = request.headers.get("traceparent", "")
    return given if re.fullmatch(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", given) else None


def _pattern(path: str) -> str:
    """The address as the router takes it: a name holds any visible characters, braces too, which it would leave out."""
    return re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", path)


def _path(request: web.Request) -> dict[str, str]:
    return dict(request.match_info)


def _local(request: web.Request) -> bool:
    """Whether a request comes from this machine: by the connection itself. A header can only speak against it: one that
    a proxy passed on comes from elsewhere, and one that asks for another host comes from a page of that host, which a
    browser of this machine was made to send (DNS rebinding)."""
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")):
        return False
    peer = request.transport.get_extra_info("peername") if request.transport else None
    try:
        asked = URL(f"http://{request.host}").host
        near = peer is None or ipaddress.ip_address(peer[0]).is_loopback
        return near and (asked == "localhost" or ipaddress.ip_address(asked or "").is_loopback)
    except ValueError:
        return False


def _query(kind: type[Struct], request: web.Request) -> Struct | Answer:
    """The parameters of a request; one that nobody knows is a mistake, as in a document."""
    known = kind.__struct_encode_fields__
    for name in request.query:
        if name not in known:
            return _bad_query(name, "unknown parameter; check its spelling")
        if len(request.query.getall(name)) > 1:
            return _bad_query(name, "stands twice")
    try:
        return msgspec.convert(dict(request.query), kind, strict=False)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        return _bad_query(place.rstrip("`"), message)


def _bad_query(name: str, message: str) -> Answer:
    fault = FaultAt(index=0, field=name, message=message)
    return refused(422, "Unprocessable Content", "a parameter of the address is wrong", [fault])


def _denied(why: Denied) -> Answer:
    headers = {"WWW-Authenticate": 'Bearer realm="gateway"'} if why.status == 401 else {}
    title = HTTPStatus(why.status).phrase
    body = Problem(title=title, status=why.status, detail=why.detail)
    return Answer(status=why.status, body=body, headers=headers)


def _response(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers={**HEADERS, **answer.headers})
    kind = MEDIA_TYPE if isinstance(answer.body, Problem) else "application/json"
    body = _encode(answer.body)
    if isinstance(answer.body, bytes):
        kind, body = ZIP, answer.body
    elif isinstance(answer.body, str):
        kind, body = HTML, answer.body.encode()
    return web.Response(status=answer.status, body=body, headers={**HEADERS, **answer.headers}, content_type=kind)
