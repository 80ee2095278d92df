"""The link with which a person ends messages to an address: a page that asks, and a click that acts (RFC 8058).

GET never acts, because scanners of mail follow every link. Nothing on the page tells who it is about.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.web.problem import problem

PATH = "/u/{token}"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_STYLE = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;color:#222}"
_STYLE += "button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#1a56b0;color:#fff}"
_ASK = """<h1>No more messages to this address?</h1>
<p>You will not be written to here again. What you owe is not changed by it.</p>
<form method="post"><button>Unsubscribe</button></form>
<h1 lang="zh-CN">不再接收发往此地址的消息？</h1>
<p lang="zh-CN">确认后我们不再向此地址发送消息；欠款本身不受影响。</p>
<form method="post" lang="zh-CN"><button>退订</button></form>"""
_DONE = """<h1>Done</h1><p>Nothing more is sent to this address.</p>
<h1 lang="zh-CN">已退订</h1><p lang="zh-CN">我们不再向此地址发送消息。</p>"""
_UNKNOWN = """<h1>This link is not one of ours</h1><p>Please take it whole from the message.</p>
<h1 lang="zh-CN">链接无效</h1><p lang="zh-CN">请从消息中完整复制链接。</p>"""


class Unsubscribe:
    """Until `open` is called, who comes is asked to come again."""

    def __init__(self) -> None:
        self._knows: Callable[[str], bool] | None = None
        self._act: Callable[[str], Awaitable[None]] | None = None

    def open(self, knows: Callable[[str], bool], act: Callable[[str], Awaitable[None]]) -> None:
        """`knows` tells whether a token is ours; `act` makes it true, durable on return, and raises OSError."""
        self._knows, self._act = knows, act

    async def ask(self, request: web.Request) -> web.Response:
        """The page; it changes nothing."""
        if self._knows is None:
            return problem(503, "the gateway is starting; come again")
        return _page(_ASK) if self._knows(request.match_info["token"]) else _page(_UNKNOWN, 404)

    async def click(self, request: web.Request) -> web.Response:
        """The act, by the button or by the mail program (`List-Unsubscribe=One-Click`); as often as it comes."""
        if self._knows is None or self._act is None:
            return problem(503, "the gateway is starting; come again")
        token = request.match_info["token"]
        if not self._knows(token):
            return _page(_UNKNOWN, 404)
        try:
            await self._act(token)
        except OSError:
            return problem(503, "it could not be kept; come again")
        return _page(_DONE)


def _page(body: str, status: int = 200) -> web.Response:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    text = f'<!doctype html><html lang="en"><head><title>Unsubscribe</title>{head}</head><body>{body}</body></html>'
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
