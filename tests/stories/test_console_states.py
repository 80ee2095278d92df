"""The console when all is not well: nothing there yet, nothing heard, refused, slow; and in a language of nobody's.

What the server would do is played by the browser's own network, so that each state stands still and can be looked at.
"""

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from gateway.web import console
from tests.peers.browser import browser, page
from tests.peers.npm import installed
from tests.stories.test_console import WORDS, house, proposes, sign_in
from tests.stories.test_console_for_everybody import AXE, LOOKS, SCREENS, SHOWN, can_be_read
from tests.stories.world import World

ENGLISH: dict[str, Any] = LOOKS["light"]
NAMED = ("job/", "person/", "policies/", "templates?")
"""screens with names on them that are nobody's words"""


@pytest.fixture
def looked_at() -> Callable[[Page, str], Any]:
    axe = (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    async def look(seen: Page, state: str) -> None:
        await can_be_read(seen, axe, state)

    return look


@pytest.mark.parametrize("look", LOOKS)
async def test_every_state_of_a_page_can_be_read(
    world: World, look: str, looked_at: Callable[[Page, str], Any]
) -> None:
    known = ("503", "ERR_FAILED", "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    async with house(world) as base, browser() as opened, page(opened, base, known, **LOOKS[look]) as seen:
        let_go = asyncio.Event()

        async def slowly(route: Route) -> None:
            await let_go.wait()
            await route.continue_()

        await seen.route("**/v1/lanes", slowly)
        await seen.goto("/#/lanes")
        await expect(seen.locator(".loading")).to_be_visible()
        await looked_at(seen, "loading")
        let_go.set()
        await seen.wait_for_function(SHOWN)
        await seen.unroute("**/v1/lanes")
        await seen.route("**/v1/lanes", lambda route: route.fulfill(
            status=503, content_type="application/problem+json",
            body=json.dumps({"title": "x", "status": 503, "detail": "the store or the ledger cannot be had now"}),
        ))  # fmt: skip
        await seen.goto("about:blank")
        await seen.goto("/#/lanes")
        await expect(seen.get_by_role("alert")).to_contain_text("cannot be had now")
        await looked_at(seen, "error")
        await seen.goto("/#/switches")
        await seen.wait_for_function(SHOWN)
        await seen.locator("main form button[type=submit]").click()
        await expect(seen.get_by_role("dialog")).to_be_visible()
        await looked_at(seen, "dialog")  # also while nobody can count what waits
        await seen.keyboard.press("Escape")
        await seen.route("**/v1/stream*", lambda route: route.abort())
        await seen.goto("about:blank")
        await seen.goto("/")
        await expect(seen.locator("body.stale")).to_be_visible(timeout=8_000)
        await looked_at(seen, "stale")


async def test_signing_in_can_be_read_and_says_what_was_wrong(
    world: World, looked_at: Callable[[Page, str], Any]
) -> None:  # fmt: skip
    words, known = WORDS["en"], ("401 (Unauthorized)",)
    async with house(world, ("otto", "ops")) as base, browser() as opened, page(opened, base, known, **ENGLISH) as seen:
        await seen.goto("/")
        await seen.get_by_label(words["name"], exact=True).fill("otto")
        await seen.get_by_label(words["password"], exact=True).fill("not the one it is")
        await looked_at(seen, "signing in")
        await seen.get_by_role("button", name=words["in"], exact=True).click()
        await expect(seen.get_by_role("alert")).to_contain_text("name or password are wrong")
        await looked_at(seen, "refused")


async def test_a_change_of_what_is_no_longer_in_force_says_so_and_is_not_approved(world: World) -> None:
    words, people = WORDS["en"], (("ada", "compliance"), ("bea", "compliance"))
    async with (
        house(world, *people) as base, browser() as opened, page(opened, base, **ENGLISH) as ada,
        page(opened, base, ("409", "412"), **ENGLISH) as bea,
    ):  # fmt: skip
        await sign_in(ada, "ada", words)
        await proposes(ada, words)
        first = ada.url
        await ada.goto("about:blank")
        await proposes(ada, words)
        await sign_in(bea, "bea", words)
        await approves(bea, ada.url, words)
        await expect(bea.locator(".verdict").first).to_contain_text(words["force"], timeout=30_000)
        await approves(bea, first, words)
        await expect(bea.get_by_role("dialog").get_by_role("alert")).to_contain_text("is in force")
        await bea.goto("about:blank")
        await bea.goto(first)
        await expect(bea.locator(".verdict.bad")).to_contain_text("cannot be approved")


async def approves(seen: Page, address: str, words: dict[str, str]) -> None:
    await seen.goto(address)
    await seen.get_by_role("button", name=words["approve"], exact=True).click()
    await seen.get_by_label(words["comment"], exact=True).fill("looked at it")
    await seen.get_by_role("dialog").get_by_role("button", name=words["approve"]).click()


async def test_a_search_is_kept_under_a_name_and_what_is_shown_goes_to_a_spreadsheet(world: World) -> None:
    async with house(world) as base, browser() as opened, page(opened, base, **ENGLISH) as seen:
        await seen.goto("/#/messages?status=waiting")
        await seen.get_by_role("button", name="Keep this search").click()
        await seen.get_by_role("dialog").get_by_label("Name", exact=True).fill("what waits")
        await seen.get_by_role("dialog").get_by_role("button", name="Keep this search").click()
        await seen.goto("/#/messages")
        await seen.get_by_role("link", name="what waits").click()
        await expect(seen).to_have_url(re.compile("status=waiting"))
        async with seen.expect_download() as saving:
            await seen.get_by_role("button", name="Download the tables as CSV").click()
        file = world.folder / "messages.csv"
        await (await saving.value).save_as(file)
        rows = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
        assert rows[0] == ["Messages"]
        assert [row[0] for row in rows[2:]] == ["third"]
        await seen.get_by_role("button", name="Forget what waits").click()
        await expect(seen.get_by_role("link", name="what waits")).to_have_count(0)


def pseudo(text: str) -> str:
    """A text as nobody writes it, half as long again; what is filled in stays."""
    parts = text.replace("{", "\0{").replace("}", "}\0").split("\0")
    return "⟦" + "".join(part if part.startswith("{") else part + "ẋ" * (len(part) // 2) for part in parts) + "⟧"


async def test_no_word_of_a_page_is_written_in_the_page(world: World) -> None:
    english = json.loads(Path(console.__file__).with_name("static").joinpath("en.json").read_text(encoding="utf-8"))
    strange = json.dumps({key: pseudo(text) for key, text in english.items()})
    async with house(world) as base, browser() as opened, page(opened, base, ("404",), **ENGLISH) as seen:
        await seen.route(
            "**/static/en.json", lambda route: route.fulfill(body=strange, content_type="application/json")
        )
        for screen in SCREENS:
            await seen.goto("about:blank")
            await seen.goto(f"/#/{screen}")
            await seen.wait_for_function(SHOWN)
            sorts = (
                "h2, th, dt, summary, main button, nav a, label"
                if not screen.startswith(NAMED)
                else "dt, nav a, summary"
            )
            texts = await seen.locator(sorts).all_inner_texts()
            foreign = [text for text in texts if text.strip() and "⟦" not in text]
            assert foreign == [], screen
            assert await seen.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), screen
