"""Web Push against a push service that somebody else wrote (npm web-push-testing): it checks VAPID and decrypts."""

import base64
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels import catalogue
from channels.contract import Accepted, PushTarget, Refused
from gateway.domain.clock import SystemClock
from tests.channels.contract import House, message
from tests.peers.npm import free_port, installed, running

KEY = ec.generate_private_key(ec.SECP256R1())


def key_file(folder: Path) -> str:
    form = serialization.PrivateFormat.PKCS8
    path = folder / "vapid.pem"
    path.write_bytes(KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return str(path)


def public() -> str:
    point = KEY.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )  # fmt: skip
    return base64.urlsafe_b64encode(point).decode().rstrip("=")


async def test_an_independent_push_service_decrypts_what_was_written_and_tells_an_expired_subscription(
    tmp_path: Path,
) -> None:
    folder, port = installed("web-push-testing@1.2.2"), free_port()
    server = folder / "node_modules" / "web-push-testing" / "src" / "bin" / "server.js"
    base = f"http://127.0.0.1:{port}"
    async with running(folder, "node", str(server), str(port), port=port), aiohttp.ClientSession() as session:

        async def ask(path: str, body: Any) -> Any:
            async with session.post(f"{base}/{path}", json=body) as answer:
                return await answer.json() if answer.content_type == "application/json" else await answer.text()

        subscribed = (await ask("subscribe", {"userVisibleOnly": "true", "applicationServerKey": public()}))["data"]
        subscription = {"endpoint": subscribed["endpoint"], "keys": subscribed["keys"]}
        settings = {
            "name": "browsers", "kind": "webpush", "private_key_file": key_file(tmp_path),
            "subject": "mailto:ops@example.com", "services": [f"localhost:{port}"],
        }  # fmt: skip
        now = SystemClock().now()
        house = House(time=now)
        provider = catalogue.build("push", settings, house.lend())
        await provider.start()
        try:
            sent = message(channel="push", to=PushTarget("webpush", subscription), expires_at=now + 60_000)
            assert isinstance(await provider.send(sent, 5), Accepted)
            told = await ask("get-notifications", {"clientHash": subscribed["clientHash"]})
            assert "李雷" in str(told["data"]["messages"])

            stranger = catalogue.build("push", settings | {"private_key_file": other_key(tmp_path)}, house.lend())
            await stranger.start()
            refused = await stranger.send(sent, 5)
            await stranger.close()
            assert not isinstance(refused, Accepted), "a signature by another key was believed"

            await ask(f"expire-subscription/{subscribed['clientHash']}", {})
            gone = await provider.send(sent, 5)
            assert isinstance(gone, Refused)
            assert gone.address
        finally:
            await provider.close()


def other_key(folder: Path) -> str:
    path = folder / "other.pem"
    form = serialization.PrivateFormat.PKCS8
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return str(path)
