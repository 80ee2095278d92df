"""The console for whoever reads it otherwise: every screen by axe-core, in the light and the dark, and at 400 %."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from gateway.web import console
from tests.peers.browser import browser, page
from tests.peers.npm import installed
from tests.stories.test_console import house
from tests.stories.world import World

AXE = "axe-core@4.14.1"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOK = "rules => axe.run({runOnly: rules, iframes: false})"
"""An email is in a frame in which no script runs, not even this one."""
SCREENS = [
    "overview", "messages", "job/default/ann/third", "person/default/ann", "providers", "lanes", "in-doubt",
    "dead-letters", "switches", "policies", "policies/house", "proposals", "states", "replies", "templates",
    "templates?template=overdue_reminder&locale=zh-CN&channel=sms",
    "templates?template=payment_plan_offer&locale=en&channel=email", "evidence", "engine", "acts", "accounts", "keys",
    "messages?job_id=nobody", "job/default/ann/nobody", "no-such-screen",
]  # fmt: skip
SHOWN = "() => document.querySelector('main h1') && !document.querySelector('.loading')"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}},
    "dark": {"locale": "zh-CN", "color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "small": {"locale": "zh-CN", "viewport": {"width": 320, "height": 700}},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_every_screen_can_be_read_by_everybody(world: World, look: str) -> None:
    axe = (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    async with house(world) as base, browser() as opened, page(opened, base, ("404",), **LOOKS[look]) as seen:
        for screen in SCREENS:
            await seen.goto("about:blank")
            await seen.goto(f"/#/{screen}")
            await seen.wait_for_function(SHOWN)
            await can_be_read(seen, axe, f"{look} {screen}")


async def can_be_read(seen: Page, axe: str, where: str) -> None:
    """axe-core finds nothing on the page as it stands, and nothing is wider than it."""
    await seen.evaluate(axe)
    found = await seen.evaluate(LOOK, RULES)
    assert [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found["violations"]] == [], where
    assert await seen.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), where


async def test_everything_is_reached_by_the_keyboard_alone(world: World) -> None:
    async with house(world) as base, browser() as opened, page(opened, base, **LOOKS["light"]) as seen:
        await seen.goto("/")
        await seen.wait_for_function(SHOWN)
        await seen.keyboard.press("Tab")
        assert await focused(seen) == "Skip to the content"
        await seen.keyboard.press("Enter")
        assert await seen.evaluate("() => document.activeElement.id") == "main"
        await seen.keyboard.press("/")
        assert await seen.evaluate("() => document.activeElement.id") == "find"
        await seen.keyboard.type("ann")
        await seen.keyboard.press("Enter")
        await seen.wait_for_function("() => document.querySelectorAll('main tbody tr').length === 3")
        await reached(seen, "third")
        await seen.keyboard.press("Enter")
        await seen.wait_for_function("() => document.querySelector('main h1')?.textContent === 'third'")
        await reached(seen, "Cancel the job")
        await seen.keyboard.press("Enter")
        assert await seen.evaluate("() => document.querySelector('dialog').open")
        await reached(seen, "Cancel")
        await seen.keyboard.press("Escape")
        await seen.wait_for_function("() => document.querySelector('dialog') === null")
        assert await focused(seen) == "Cancel the job", "one is where one was"


async def focused(seen: Page) -> str:
    text: str = await seen.evaluate("() => document.activeElement.textContent.trim()")
    return text


async def reached(seen: Page, text: str) -> None:
    """By Tab, in as many steps as there are things on a page, and with an outline to be seen."""
    for _ in range(60):
        await seen.keyboard.press("Tab")
        if await focused(seen) == text:
            style = await seen.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert style == "solid"
            return
    raise AssertionError(f"{text} is not reached")


def test_the_screens_that_are_looked_at_are_all_there_are() -> None:
    there = {
        name.strip('"') for file in Path(console.__file__).with_name("static").glob("*.js") for name in _screens(file)
    }
    assert there - {"proposal"} == {screen.partition("/")[0].partition("?")[0] for screen in SCREENS} - {
        "no-such-screen"
    }


def _screens(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").partition("export const screens = {")[2].splitlines()
    return [line.split(":")[0].strip() for line in lines if ": { roles" in line]
