"""The port, asked as its users and its enemies ask it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from gateway.web.ops import Health
from gateway.web.server import serve_web


class House:
    """A served port, its health, and a client."""

    def __init__(self, port: int, health: Health, session: aiohttp.ClientSession) -> None:
        self.port, self.health, self.session = port, health, session

    async def get(self, path: str, method: str = "GET", **more: Any) -> tuple[int, str, str]:
        async with self.session.request(method, f"http://127.0.0.1:{self.port}{path}", **more) as response:
            return response.status, response.headers["Content-Type"], await response.text()

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        writer.write_eof()
        try:
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    registry = CollectorRegistry()
    Counter("gateway_test", "a counter", ["channel"], registry=registry).labels('s"ms').inc(3)
    health = Health()
    async with serve_web("127.0.0.1", 0, health, registry) as port, aiohttp.ClientSession() as session:
        yield House(port, health, session)


async def test_it_is_alive_from_the_start_and_ready_only_when_told(house: House) -> None:
    assert (await house.get("/healthz"))[0] == 200
    status, kind, text = await house.get("/readyz")
    assert (status, kind) == (503, "application/problem+json")
    assert json.loads(text) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "the gateway is starting",
        "reasons": ["the gateway is starting"],
    }
    house.health.state = "ready"
    assert (await house.get("/readyz"))[0] == 200
    house.health.state = "draining"
    assert (await house.get("/readyz"))[0] == 503
    assert (await house.get("/healthz"))[0] == 200


async def test_the_probe_tells_all_its_reasons(house: House) -> None:
    async def probe() -> list[str]:
        return ["the store does not answer", "no policy is loaded"]

    house.health.state, house.health.probe = "ready", probe
    status, _, text = await house.get("/readyz")
    assert (status, len(json.loads(text)["reasons"])) == (503, 2)


async def test_a_probe_that_breaks_is_a_problem_and_not_a_traceback(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    async def probe() -> list[str]:
        raise RuntimeError("secret +8613800138000")

    house.health.state, house.health.probe = "ready", probe
    status, kind, text = await house.get("/readyz")
    assert (status, kind) == (500, "application/problem+json")
    assert "secret" not in text


async def test_metrics_are_prometheus_text(house: House) -> None:
    status, kind, text = await house.get("/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert [(s.labels, s.value) for s in samples if s.name == "gateway_test_total"] == [({"channel": 's"ms'}, 3.0)]


async def test_what_is_not_there_is_a_problem_document(house: House) -> None:
    for path in ("/", "/v2", "/healthz/", "/%00", "/%zz", "/../etc/passwd"):
        status, kind, text = await house.get(path)
        assert (status, kind, json.loads(text)["status"]) == (404, "application/problem+json", 404), path
    status, kind, _ = await house.get("/healthz", method="POST", data=io.BytesIO(b"x" * 2_000_000))
    assert (status, kind) == (405, "application/problem+json")


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\xff\xfeT / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nExpect: nonsense\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
    ],
)
async def test_nonsense_costs_nothing_but_itself(
    house: House, data: bytes, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = await house.raw(data)
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
    assert capfd.readouterr() == ("", "")
    assert "Traceback" not in caplog.text
    assert (await house.get("/healthz"))[0] == 200


async def test_a_port_that_is_taken_is_an_oserror(house: House) -> None:
    with pytest.raises(OSError, match="address already in use"):
        async with serve_web("127.0.0.1", house.port, Health(), CollectorRegistry()):
            pass
