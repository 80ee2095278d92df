"""Signing in by the house's provider: off to it, and back with a session. Pages for a browser, no part of the JSON API.

The session's cookie is SameSite=Strict, and one comes back from another site: the answer sets it and leads on to `/`,
a page that needs no cookie, and whose scripts, being our own, send it.
"""

from collections.abc import Sequence
from typing import Protocol

import structlog
from aiohttp import web
from yarl import URL

from gateway.domain.clock import SECOND, Clock
from gateway.web import console
from gateway.web.api import cookie
from gateway.web.api.access import Token
from gateway.web.api.principal import Principal
from gateway.web.attempt import LASTS_MS, Attempt, AttemptSeal, Code, Trouble, begun, code_of, question

PATH = "/signin/oidc"
BACK = f"{PATH}/return"
NAME = "gateway-signin"
MOST_ERROR = 40
"""characters of a provider's word for what is wrong (RFC 6749, 4.1.2.1) that the log shows"""
HEADERS = {**console.HEADERS, "Cache-Control": "no-store"}
_SENTENCES: dict[Trouble, tuple[int, str, str]] = {
    "denied": (403, "Your organisation did not let you sign in.", "贵组织未允许您登录。"),
    "strange": (
        400, "This answer does not belong to a sign-in that was begun in this browser.",
        "该应答不属于在此浏览器中开始的登录。",
    ),
    "late": (400, "This sign-in has ended, or took longer than ten minutes.", "本次登录已结束，或已超过十分钟。"),
    "away": (503, "Signing in is not possible at the moment. Please come again soon.", "暂时无法登录，请稍后再试。"),
    "refused": (403, "What your organisation answered does not hold.", "贵组织的应答无效。"),
    "roleless": (
        403, "You have no role here. Please ask those who give out roles in your organisation.",
        "您在此没有任何角色，请联系贵组织负责分配角色的人员。",
    ),
}  # fmt: skip
"""status, and what is said in both languages: here nobody's language is known yet"""

log = structlog.get_logger("gateway.signin")


class Provider(Protocol):
    """The house's provider. Both methods raise ConnectionError where it cannot be had."""

    async def authorization_endpoint(self) -> str:
        """Where people sign in."""

    async def vouched(self, code: str, verifier: str, nonce: str, back: str) -> Principal | None:
        """Whom a code stands for, None where it does not hold or what comes for it does not."""


class Sessions(Protocol):
    """Who keeps sessions."""

    async def sign_in_vouched(self, who: Principal, longest: int) -> Token:
        """A new session, for `longest` ms. Raises ConnectionError."""


class SignInPages:
    """The two addresses of the flow, and what they say when it fails."""

    def __init__(
        self, provider: Provider, sessions: Sessions, clock: Clock, *, issuer: str, client: str, scopes: Sequence[str],
        longest: int, public_url: str, secrets: Sequence[str],
    ) -> None:  # fmt: skip
        self._provider, self._sessions, self._clock, self._seal = provider, sessions, clock, AttemptSeal(secrets)
        self._issuer, self._client, self._scopes, self._longest = issuer, client, scopes, longest
        self._back, self._secure = f"{public_url}{BACK}", public_url.startswith("https:")

    def add_to(self, app: web.Application) -> None:
        """Adds both; not for HEAD, with which scanners would use up what counts once."""
        app.router.add_get(PATH, self._begin, allow_head=False)
        app.router.add_get(BACK, self._return, allow_head=False)

    async def _begin(self, _request: web.Request) -> web.Response:
        try:
            endpoint = await self._provider.authorization_endpoint()
        except ConnectionError:
            return _told("away")
        attempt = begun(self._clock.now())
        answer = _led(question(endpoint, self._client, self._scopes, self._back, attempt))
        answer.headers["Set-Cookie"] = self._kept(self._seal.close(attempt), LASTS_MS // SECOND)
        return answer

    async def _return(self, request: web.Request) -> web.Response:
        found = await self._session(request)
        answer = _led("/") if isinstance(found, Token) else _told(found)
        if not isinstance(found, Token):
            error = request.query.get("error", "")[:MOST_ERROR] if found == "denied" else ""
            log.info("sign_in_failed", why=found, error=error)
        else:
            answer.headers.add("Set-Cookie", cookie.given(found.token, secure=self._secure))
        if found != "strange":  # one that another page brought about must not end the one under way
            answer.headers.add("Set-Cookie", self._kept("", 0))
        return answer

    async def _session(self, request: web.Request) -> Token | Trouble:
        attempt = self._seal.open(request.cookies.get(NAME, ""))
        given = dict(request.query) if len(set(request.query)) == len(request.query) else {}  # RFC 6749, 3.1: each once
        code = code_of(given, attempt, self._issuer, self._clock.now())
        if isinstance(code, Code) and attempt is not None:
            return await self._begun(code, attempt)
        return code if isinstance(code, str) else "late"

    async def _begun(self, code: Code, attempt: Attempt) -> Token | Trouble:
        try:
            who = await self._provider.vouched(code.text, attempt.verifier, attempt.nonce, self._back)
            if who is None:
                return "refused"
            return await self._sessions.sign_in_vouched(who, self._longest) if who.roles else "roleless"
        except ConnectionError:
            return "away"

    def _kept(self, value: str, seconds: int) -> str:
        """`Set-Cookie` of what is under way; Lax, since one comes back from another site."""
        path = URL(self._back).parent.path
        shown = f"{NAME}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={seconds}"
        return shown + ("; Secure" if self._secure else "")


def _led(place: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": place})


def _told(trouble: Trouble) -> web.Response:
    """A page of one sentence and a way back, in both languages."""
    status, english, chinese = _SENTENCES[trouble]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += '<meta name="color-scheme" content="light dark"><title>Sign in</title>'
    head += '<link rel="icon" href="data:,"><link rel="stylesheet" href="/static/console.css">'
    body = f'<h1>{english}</h1><p lang="zh-CN">{chinese}</p>'
    body += '<p><a href="/">Back to the console</a> · <a href="/" lang="zh-CN">返回控制台</a></p>'
    text = f'<!doctype html><html lang="en"><head>{head}</head><body><main class="door">{body}</main></body></html>'
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
