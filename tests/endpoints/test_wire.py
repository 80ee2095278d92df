"""One POST to a producer: to the address that was checked and to no other, and what its answer means."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from gateway.domain.clock import DAY, SECOND, SystemClock
from gateway.endpoints.settings import Endpoint
from gateway.endpoints.wire import Answer, Failed, Gone, Taken, Wire, wait_ms


class Canary:
    """A listener that counts who knocks, and answers 204 and goodbye."""

    def __init__(self) -> None:
        self.knocks = 0
        self.said = b""

    @asynccontextmanager
    async def at(self, host: str, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator["Canary"]:
        server = await asyncio.start_server(self._hear, host, port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        self.said = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


class Names(AbstractResolver):
    """A name server whose answer is another one each time; the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0) for one in found
        ]  # fmt: skip

    async def close(self) -> None:
        pass


def endpoint(url: str, *networks: str) -> Endpoint:
    return Endpoint(
        name="a", url=URL(url), tenants=("t",), secrets=(b"k" * 24,), networks=tuple(map(ip_network, networks))
    )  # fmt: skip


async def post(target: Endpoint, resolver: AbstractResolver | None = None, times: int = 1) -> list[Answer]:
    async with Wire(target, SystemClock(), resolver) as wire:
        return [await wire.post(b"{}", {"webhook-id": "x"}) for _ in range(times)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "0", "127.1",
                                  "0177.0.0.1", "127.0.0.1.", "[::ffff:7f00:1]", "0.0.0.0"])  # fmt: skip
async def test_no_form_of_our_own_address_is_connected_to(host: str) -> None:
    async with Canary().at("127.0.0.1") as canary:
        (answer,) = await post(endpoint(f"https://{host}:{canary.port}/"))
        assert isinstance(answer, Failed)
        (answer,) = await post(endpoint(f"http://{host}:{canary.port}/", "10.0.0.0/8"))
        assert isinstance(answer, Failed)
        assert canary.knocks == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::1",
                                     "::1", "::ffff:127.0.0.1", "224.0.0.1", "fe80::1%1"])  # fmt: skip
async def test_no_name_leads_there_either_also_not_among_good_addresses(address: str) -> None:
    async with Canary().at("127.0.0.1") as canary:
        for found in ([address], ["127.0.0.9", address], [address, "127.0.0.9"]):
            resolver = Names(found)
            target = endpoint(f"https://producer.example:{canary.port}/", "127.0.0.9/32")
            assert await post(target, resolver) == [Failed("forbidden_target")]
            assert resolver.asked == 1
        assert canary.knocks == 0


async def test_a_name_that_turns_to_us_after_the_check_gets_no_connection() -> None:
    """127.0.0.2 is listed, and plays the public address."""
    async with Canary().at("127.0.0.2") as outside, Canary().at("127.0.0.1", outside.port) as inside:
        resolver = Names(["127.0.0.2"], ["127.0.0.1"])
        target = endpoint(f"http://producer.example:{outside.port}/receipts?a=b", "127.0.0.2/32")
        answers = await post(target, resolver, times=3)
        assert answers == [Taken(), Failed("forbidden_target"), Failed("forbidden_target")]
        assert (outside.knocks, inside.knocks, resolver.asked) == (1, 0, 3)
        assert outside.said.startswith(b"POST /receipts?a=b HTTP/1.1\r\n")
        assert f"Host: producer.example:{outside.port}\r\n".encode() in outside.said


async def test_plain_http_goes_only_to_listed_networks() -> None:
    assert await post(endpoint("http://producer.example/", "10.0.0.0/8"), Names(["8.8.8.8"])) == [
        Failed("forbidden_target")
    ]


async def test_with_tls_the_name_is_told_and_a_stranger_is_not_trusted(tmp_path: Path) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with Canary().at("127.0.0.1", tls=context) as canary:
        target = endpoint(f"https://producer.example:{canary.port}/", "127.0.0.0/8")
        assert await post(target, Names(["127.0.0.1"])) == [Failed("no_connection")]
        assert (asked, canary.knocks) == (["producer.example"], 0)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Canary().at("127.0.0.1") as proxy, Canary().at("127.0.0.2") as producer:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert await post(endpoint(f"http://127.0.0.2:{producer.port}/", "127.0.0.0/8")) == [Taken()]
        assert (proxy.knocks, producer.knocks) == (0, 1)


Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def producer(handler: Handler) -> AsyncIterator[Endpoint]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield endpoint(f"http://127.0.0.1:{runner.addresses[0][1]}/", "127.0.0.0/8")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "headers", "meaning"),
    [
        (200, {}, Taken()), (202, {}, Taken()), (204, {}, Taken()), (410, {}, Gone()),
        (429, {"Retry-After": "7"}, Failed("http_429", 7 * SECOND)), (503, {"Retry-After": "x"}, Failed("http_503")),
        (400, {}, Failed("http_400")), (401, {}, Failed("http_401")), (500, {"Retry-After": "7"}, Failed("http_500")),
        (304, {}, Failed("http_304")),
    ],
)  # fmt: skip
async def test_what_an_answer_means(status: int, headers: dict[str, str], meaning: Answer) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    async with producer(handler) as target:
        assert await post(target) == [meaning]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with Canary().at("127.0.0.1") as sink:

        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{sink.port}/"})

        async with producer(handler) as target:
            assert await post(target) == [Failed(f"http_{status}")]
        assert sink.knocks == 0


async def test_an_answer_without_end_is_not_waited_for_and_cookies_are_not_kept() -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Cookie"))
        response = web.StreamResponse(headers={"Set-Cookie": "a=b"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 10_000)
        except ConnectionError:
            return response

    async with producer(handler) as target, asyncio.timeout(10):
        assert await post(target, times=2) == [Taken(), Taken()]
    assert seen == [None, None]


async def test_nobody_there_and_nonsense_are_failures() -> None:
    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03nonsense\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await post(endpoint(f"http://127.0.0.1:{port}/", "127.0.0.0/8")) == [Failed("no_connection")]
    assert await post(endpoint(f"http://127.0.0.1:{port}/", "127.0.0.0/8")) == [Failed("no_connection")]
    assert await post(endpoint("https://nobody.invalid/")) == [Failed("no_connection")]


@pytest.mark.parametrize(
    ("value", "ms"),
    [(None, 0), ("", 0), ("5", 5 * SECOND), (" 5 ", 5 * SECOND), ("-5", 0), ("5.5", 0), ("soon", 0), ("٣", 0),
     ("99999999", DAY), ("9" * 400, 0), ("Thu, 01 Jan 1970 00:00:10 GMT", 9 * SECOND),
     ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", DAY)],
)  # fmt: skip
def test_how_long_to_wait(value: str | None, ms: int) -> None:
    assert wait_ms(value, SECOND) == ms


def certificate(folder: Path) -> Path:
    """Key and certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "producer.example")])
    day = timedelta(days=1)
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(today - day).not_valid_after(today + day).sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "both.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file
