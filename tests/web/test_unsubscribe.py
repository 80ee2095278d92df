"""The link that ends messages: asking changes nothing, however often a scanner follows it; the click does, once."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from gateway.domain.clock import SystemClock
from gateway.web.ops import Health
from gateway.web.server import serve_web
from gateway.web.webhooks import Webhooks


class House:
    """A door with one token that is ours; `acted` is what was clicked."""

    def __init__(self) -> None:
        self.acted: list[str] = []
        self.broken = False
        self.webhooks = Webhooks("https://notify.example.com", SystemClock())
        self.base = ""

    async def act(self, token: str) -> None:
        if self.broken:
            raise ConnectionError
        self.acted.append(token)

    async def ask(self, method: str, token: str, body: str | None = None) -> tuple[int, str, str]:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        async with (
            aiohttp.ClientSession(headers={"User-Agent": "LinkScanner/1.0"}) as session,
            session.request(method, f"{self.base}/u/{token}", data=body, headers=form, allow_redirects=False) as answer,
        ):
            return answer.status, await answer.text(), answer.headers.get("Content-Security-Policy", "")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    found = House()
    async with serve_web("127.0.0.1", 0, Health(), CollectorRegistry(), found.webhooks) as port:
        found.base = f"http://127.0.0.1:{port}"
        yield found


async def test_a_scanner_that_follows_the_link_a_thousand_times_changes_nothing(house: House) -> None:
    house.webhooks.unsubscribe.open(lambda token: token == "ours", house.act)
    statuses = {(await house.ask(method, "ours"))[0] for _ in range(500) for method in ("GET", "HEAD")}
    assert statuses == {200}
    assert house.acted == []


async def test_one_click_of_a_mail_program_and_the_button_of_the_page_both_act(house: House) -> None:
    house.webhooks.unsubscribe.open(lambda token: token == "ours", house.act)
    status, page, policy = await house.ask("GET", "ours")
    assert status == 200
    assert '<form method="post">' in page
    assert "退订" in page
    assert policy.startswith("default-src 'none'")
    assert (await house.ask("POST", "ours", "List-Unsubscribe=One-Click"))[0] == 200
    assert (await house.ask("POST", "ours", ""))[0] == 200
    assert house.acted == ["ours", "ours"]


async def test_a_link_that_is_not_ours_is_told_so_and_does_nothing(house: House) -> None:
    house.webhooks.unsubscribe.open(lambda token: token == "ours", house.act)
    assert [(await house.ask(method, "theirs"))[0] for method in ("GET", "POST")] == [404, 404]
    assert house.acted == []


async def test_a_click_that_cannot_be_kept_is_asked_for_again(house: House) -> None:
    assert (await house.ask("POST", "ours"))[0] == 503
    house.webhooks.unsubscribe.open(lambda token: token == "ours", house.act)
    house.broken = True
    assert (await house.ask("POST", "ours"))[0] == 503
