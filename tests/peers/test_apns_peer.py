"""APNs against an HTTP/2 server that somebody else wrote (hypercorn), which says GOAWAY after every fifty requests."""

import asyncio
import json
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from hypercorn.asyncio import serve
from hypercorn.config import Config

from channels import catalogue
from channels.contract import Accepted, InDoubt
from channels.fakes.apns import FakeApns, _certificate, _pem, _server
from tests.channels.contract import House
from tests.channels.test_apns import push
from tests.peers.npm import free_port

PUSHES = 2_000


async def test_an_independent_server_that_goes_away_loses_no_push_in_silence_and_sees_none_twice(
    tmp_path: Path,
) -> None:
    port, arrived = free_port(), Counter[str]()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        arrived[json.loads(body)["reference"]] += 1
        name = dict(scope["headers"])[b"apns-id"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"apns-id", name)]})
        await send({"type": "http.response.body", "body": b""})

    (tmp_path / "server.pem").write_bytes(
        _pem(_server()) + _certificate().public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip
    config = Config()
    config.bind, config.keep_alive_max_requests, config.loglevel = [f"127.0.0.1:{port}"], 50, "CRITICAL"
    config.keyfile = config.certfile = str(tmp_path / "server.pem")
    stop = asyncio.Event()
    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    settings = FakeApns().entry(tmp_path) | {"base_url": f"https://127.0.0.1:{port}", "concurrency": PUSHES}
    provider = catalogue.build("push", settings, House().lend())
    await provider.start()
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        references = [uuid.UUID(int=n).hex for n in range(PUSHES)]
        outcomes = await asyncio.gather(*(provider.send(push(reference=r), 60) for r in references))
    finally:
        await provider.close()
        stop.set()
        await server
    told = dict(zip(references, outcomes, strict=True))
    assert max(arrived.values()) == 1
    for reference, seen in told.items():
        assert isinstance(seen, Accepted | InDoubt), seen
        assert arrived[reference] == 1 or isinstance(seen, InDoubt), "lost in silence"
    doubts = sum(isinstance(seen, InDoubt) for seen in outcomes)
    print(f"{PUSHES} pushes, {doubts} in doubt")
    assert doubts <= PUSHES // 20
