"""The road to HTTP providers: what is certainly not sent, what is in doubt, and how long anything may take."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from yarl import URL

from channels.contract import InDoubt, Unavailable
from channels.http import ANSWER_LIMIT_BYTES, Answer, Http, retry_after
from tests.channels.contract import NOW, dead_port

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def road(handler: Handler, concurrency: int = 4) -> AsyncIterator[tuple[Http, URL]]:
    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    http = Http(concurrency=concurrency, now=lambda: NOW)
    await http.start()
    try:
        yield http, URL(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    finally:
        await http.close()
        await runner.cleanup()


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def test_an_answer_comes_with_its_body_and_sets_no_cookie() -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(text=(await request.text()) * 2, headers={"Set-Cookie": "a=b"})

    async with road(handler) as (http, url):
        for _ in range(2):
            seen = await http.post(url, b"x" * 9000, 5)
            assert isinstance(seen, Answer)
            assert seen.body == b"x" * 18000
    assert cookies == [None, None]


async def test_an_endless_answer_is_cut() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with road(handler) as (http, url):
        seen = await http.post(url, b"", 5)
    assert isinstance(seen, Answer)
    assert len(seen.body) == ANSWER_LIMIT_BYTES


async def test_no_connection_free_in_time_is_surely_not_sent() -> None:
    async with road(never, concurrency=1) as (http, url):
        first, second = await asyncio.gather(http.post(url, b"", 0.6), http.post(url, b"", 0.4))
    assert isinstance(first, InDoubt)
    assert isinstance(second, Unavailable)


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "http://host.invalid/"])
async def test_whoever_cannot_be_reached_got_nothing(target: str) -> None:
    http = Http(concurrency=1, now=lambda: NOW)
    await http.start()
    assert isinstance(await http.post(URL(target.format(port=dead_port())), b"", 2), Unavailable)
    await http.close()


async def test_a_failed_handshake_is_surely_not_sent() -> None:
    async with road(never) as (http, url):
        assert isinstance(await http.post(url.with_scheme("https"), b"", 2), Unavailable)


async def test_a_peer_that_never_finishes_the_handshake_is_surely_not_sent() -> None:
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    http = Http(concurrency=1, now=lambda: NOW)
    await http.start()
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(20):  # the peer would be silent for ever
        seen = await http.post(URL(f"https://127.0.0.1:{port}/"), b"", 0.4)
    assert isinstance(seen, Unavailable)
    await http.close()
    server.close()
    for writer in writers:
        writer.close()
        await writer.wait_closed()


async def test_a_connection_that_the_server_let_go_is_not_written_to() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    http = Http(concurrency=4, now=lambda: NOW)
    await http.start()
    for _ in range(10):
        assert isinstance(await http.post(url, b"", 2), Answer)
        await asyncio.sleep(0.02)
    await http.close()
    server.close()


async def test_a_slow_trickle_ends_in_time_too() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)

    async with road(handler) as (http, url):
        assert isinstance(await http.post(url, b"", 0.3), InDoubt)


async def test_a_road_that_is_closed_sends_nothing() -> None:
    http = Http(concurrency=1, now=lambda: NOW)
    assert isinstance(await http.post(URL("http://127.0.0.1/"), b"", 1), Unavailable)
    await http.close()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("7", 7.0), (" 7 ", 7.0), ("0", 0.0), ("999999", 86400.0), ("-1", None), ("1.5", None),
        ("soon", None), ("", None), ("٧", None), ("9" * 400, None), ("nan", None), ("inf", None),
        ("Wed, 18 Nov 2026 11:33:50 GMT", 30.0), ("Wed, 18 Nov 2020 11:33:50 GMT", 0.0),
        ("Wed, 18 Nov 2099 11:33:50 GMT", 86400.0), ("Wed, 99 Nov 2026 11:33:50 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, 1_795_001_600_000) == seconds
