"""Tells a client what is wrong: RFC 9457 problem documents, also for what aiohttp itself refuses."""

import json
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("gateway.web")


def problem(status: int, detail: str, **more: Any) -> web.Response:
    """The document; `more` are members of its own."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    text = json.dumps(document, ensure_ascii=False)
    return web.Response(status=status, body=text.encode("utf-8", "replace"), content_type=MEDIA_TYPE)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every refusal into a problem document; a bug of ours is logged and told without its text."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        answer = problem(refusal.status, _DETAILS.get(refusal.status, refusal.reason))
        if "Allow" in refusal.headers:
            answer.headers["Allow"] = refusal.headers["Allow"]
        return answer
    except Exception:  # the last door before aiohttp's own, which would print a traceback
        log.exception("unexpected")
        return problem(500, "the gateway made a mistake; its log tells where")


_DETAILS = {
    404: "nothing is here",
    405: "this address does not know that method; `Allow` names those it knows",
    413: "the body is longer than 1 MiB",
}
