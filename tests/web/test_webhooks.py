"""Provider callbacks at the door: only what the provider signed is believed, and all of that is kept."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from twilio.request_validator import RequestValidator

from channels import catalogue
from channels.contract import Listener, Report, Surroundings
from gateway.domain.clock import SystemClock
from gateway.web.ops import Health
from gateway.web.server import serve_web
from gateway.web.webhooks import Webhooks

PUBLIC = "https://notify.example.com"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12125550100", "AccountSid": "AC1"}


class Door:
    """A running door with one Twilio behind it; `kept` is what came through."""

    def __init__(self) -> None:
        self.kept: list[Report] = []
        self.base = ""
        self.broken = False

    async def take(self, receipt: Report) -> None:
        if self.broken:
            raise ConnectionError
        self.kept.append(receipt)

    async def post(self, path: str, form: dict[str, str], signature: str | None, **more: Any) -> int:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.base}{path}", data=more.get("data", form), headers=headers) as answer,
        ):
            return answer.status


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async def nothing(_: object) -> Any:
        return ""

    settings = {
        "name": "twilio-main",
        "kind": "twilio",
        "account_sid": "AC1",
        "auth_token": "secret",
        "from": "+15005550006",
    }
    lent = Surroundings(public_url=PUBLIC, hand_over=nothing, report=nothing, now=SystemClock().now)
    twilio = catalogue.build("sms", settings, lent)
    assert isinstance(twilio, Listener)
    opened, webhooks = Door(), Webhooks(PUBLIC, SystemClock())
    webhooks.open({"twilio-main": twilio}, opened.take)
    async with serve_web("127.0.0.1", 0, Health(), CollectorRegistry(), webhooks) as port:
        opened.base = f"http://127.0.0.1:{port}"
        yield opened


def signed(path: str, form: dict[str, str]) -> str:
    return str(RequestValidator("secret").compute_signature(PUBLIC + path, form))


async def test_a_callback_that_twilio_signed_over_the_public_address_is_kept(door: Door) -> None:
    path = "/webhooks/twilio-main/abc123?x=1"
    assert await door.post(path, FORM, signed(path, FORM)) == 204
    [receipt] = door.kept
    assert (receipt.reference, receipt.message_id, receipt.status) == ("abc123", "SM1", "delivered")


async def test_repeated_and_unknown_ones_are_acknowledged(door: Door) -> None:
    path = "/webhooks/twilio-main/nobody-knows"
    form = FORM | {"MessageStatus": "a-new-word"}
    assert [await door.post(path, form, signed(path, form)) for _ in range(3)] == [204] * 3
    assert {receipt.status for receipt in door.kept} == {"unknown"}


@pytest.mark.parametrize("signature", [None, "", "nonsense", "5qBCQlhjd8dPqkGPKRhbZsOVkXs="])
async def test_a_wrong_signature_is_403_and_changes_nothing(door: Door, signature: str | None) -> None:
    assert await door.post("/webhooks/twilio-main/abc", FORM, signature) == 403
    assert not door.kept


async def test_a_signature_holds_for_its_own_address_and_form_only(door: Door) -> None:
    signature = signed("/webhooks/twilio-main/abc", FORM)
    assert await door.post("/webhooks/twilio-main/other", FORM, signature) == 403
    assert await door.post("/webhooks/twilio-main/abc", FORM | {"MessageStatus": "failed"}, signature) == 403
    assert not door.kept


async def test_who_is_not_configured_has_no_door_and_a_body_may_not_be_huge(door: Door) -> None:
    assert await door.post("/webhooks/somebody/abc", FORM, "x") == 404
    assert await door.post("/webhooks/twilio-main/abc", FORM, "x", data=b"a" * 70_000) == 413
    assert await door.post("/webhooks/twilio-main/abc", FORM, "x", data=b"\xff\x00" * 50) == 403


async def test_what_cannot_be_kept_is_asked_for_again(door: Door) -> None:
    door.broken = True
    assert await door.post("/webhooks/twilio-main/abc", FORM, signed("/webhooks/twilio-main/abc", FORM)) == 503


async def test_a_gateway_that_is_starting_asks_to_come_again() -> None:
    async with serve_web("127.0.0.1", 0, Health(), CollectorRegistry(), Webhooks(PUBLIC, SystemClock())) as port:
        early = Door()
        early.base = f"http://127.0.0.1:{port}"
        assert await early.post("/webhooks/twilio-main/abc", FORM, "x") == 503
