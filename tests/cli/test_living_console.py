"""The console on the living demo, as a newcomer of operations and two of compliance walk it, in both languages.

It takes the pictures of docs/console.md; `PICTURES=docs/images` puts them there.
"""

import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.cli.test_demo import read_until, running
from tests.peers.browser import browser, page
from tests.peers.npm import installed
from tests.stories.test_console_for_everybody import AXE, SHOWN, can_be_read

LIMIT_S = 60
SCREEN: dict[str, Any] = {"viewport": {"width": 1280, "height": 1040}}
LOOKS: dict[str, dict[str, Any]] = {
    "en": {"locale": "en-GB", **SCREEN},
    "zh": {"locale": "zh-CN", "color_scheme": "dark", **SCREEN},
}
WORDS = {
    "en": {"name": "Name", "password": "Password", "in": "Sign in", "max": "Contacts, at most", "propose": "Propose",
           "why": "Why, with the legal source", "agree": "Let them expect what the change says",
           "tried": "that went would be held back", "approve": "Approve", "comment": "Comment", "live": "Live",
           "force": "in force now", "own": "needs another person", "pause": "Pause", "resume": "Resume",
           "channel": "Channel", "free": "Nothing is paused."},
    "zh": {"name": "姓名", "password": "密码", "in": "登录", "max": "联系次数上限", "propose": "提交提案",
           "why": "理由及法律依据", "agree": "让示例按新规则更新", "tried": "次已发送的将被拦截", "approve": "批准",
           "comment": "意见", "live": "实时", "force": "现已生效", "own": "须由他人审批", "pause": "暂停",
           "resume": "恢复", "channel": "渠道", "free": "没有暂停。"},
}  # fmt: skip
EVERY = [
    "overview?days=30", "messages", "providers?days=30", "lanes", "in-doubt", "dead-letters", "switches", "policies",
    "policies/US", "proposals", "states", "replies", "templates", "evidence", "engine", "acts", "accounts", "keys",
]  # fmt: skip


async def test_newcomers_find_their_way_on_the_living_console(tmp_path: Path) -> None:
    pictures = folder(tmp_path)
    with running(tmp_path, "--stay") as process:
        shown = read_until(process, "Press Ctrl-C")
        base = re.findall(r"http://127\.0\.0\.1:\d+", shown)[0]
        [password] = re.findall(r"the password of all is (\S+)", shown)
        async with browser() as opened:
            for language, limit in (("en", 2), ("zh", 1)):
                await walk(opened, base, password, language, limit, pictures)
            await everything_can_be_read(opened, base, password)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert len(sizes(pictures)) == 10
    assert min(sizes(pictures)) > 20_000


def folder(tmp_path: Path) -> Path:
    pictures = Path(os.environ.get("PICTURES", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    return pictures


def sizes(pictures: Path) -> list[int]:
    return [picture.stat().st_size for picture in pictures.glob("*.png")]


async def walk(opened: Browser, base: str, password: str, language: str, limit: int, pictures: Path) -> None:
    words = WORDS[language]

    async def taken(seen: Page, name: str) -> None:
        await seen.mouse.move(0, 0)
        await seen.wait_for_timeout(300)
        await seen.screenshot(path=pictures / f"{name}-{language}.png")

    async with page(opened, base, **LOOKS[language]) as olivia:
        await sign_in(olivia, "olivia", password, words)
        await olivia.goto("/#/overview?days=30")
        await expect(olivia.locator(".columns")).to_be_visible()
        await taken(olivia, "overview")
        await olivia.goto("/#/messages?rule=house.daily")
        await olivia.locator("main tbody a").first.click()
        await expect(olivia.locator(".verdict").first).to_contain_text("house.daily")
        await taken(olivia, "why")
        await olivia.locator("main dd a").first.click()
        await expect(olivia.locator(".ruler").first).to_be_visible()
        await taken(olivia, "person")
        await pauses_and_resumes(olivia, words)
    async with page(opened, base, **LOOKS[language]) as carmen, page(opened, base, **LOOKS[language]) as victor:
        await sign_in(carmen, "carmen", password, words)
        await proposes(carmen, words, limit, lambda: taken(carmen, "policy"))
        address = carmen.url
        await sign_in(victor, "victor", password, words)
        await victor.goto(address)
        await expect(victor.get_by_text(words["tried"])).to_be_visible(timeout=60_000)
        await taken(victor, "proposal")
        await victor.get_by_role("button", name=words["approve"], exact=True).click()
        await victor.get_by_label(words["comment"], exact=True).fill("looked at it")
        await victor.get_by_role("dialog").get_by_role("button", name=words["approve"]).click()
        await expect(victor.locator(".verdict").first).to_contain_text(words["force"], timeout=30_000)


async def sign_in(seen: Page, name: str, password: str, words: dict[str, str]) -> None:
    await seen.goto("/")
    await seen.get_by_label(words["name"], exact=True).fill(name)
    await seen.get_by_label(words["password"], exact=True).fill(password)
    await seen.get_by_role("button", name=words["in"], exact=True).click()
    await expect(seen.get_by_text(words["live"], exact=True)).to_be_visible()


async def pauses_and_resumes(seen: Page, words: dict[str, str]) -> None:
    await seen.goto("/#/switches")
    await seen.get_by_label(words["channel"], exact=True).select_option("sms")
    await seen.get_by_role("button", name=words["pause"], exact=True).click()
    await seen.get_by_role("dialog").get_by_role("button", name=words["pause"]).click()
    await seen.get_by_role("button", name=words["resume"], exact=True).click()
    await seen.get_by_role("dialog").get_by_role("button", name=words["resume"]).click()
    await expect(seen.locator(".verdict")).to_contain_text(words["free"])


async def proposes(
    seen: Page, words: dict[str, str], limit: int, taken: Callable[[], Awaitable[None]]
) -> None:  # fmt: skip
    """A figure in the form; the text, the words and the examples follow."""
    await seen.goto("/#/policies/house")
    figure = seen.locator("[id='f-house.daily-max']")
    await figure.fill(str(limit))
    await figure.press("Tab")
    await expect(seen.locator("#f-text")).to_have_value(re.compile(f"max: {limit}\n    within: {{calendar: day}}"))
    source = seen.locator("[id='f-house.daily-source']")
    await source.fill(f"House rule: no more than {limit} a day with one person, as the officer decided in November")
    await source.press("Tab")
    await expect(seen.locator("#f-text")).to_have_value(re.compile("as the officer decided"))
    await taken()
    if limit == 2:  # of one contact a day the examples say what they said of two
        await seen.get_by_role("button", name=words["agree"]).click()
    await expect(seen.get_by_role("button", name=words["agree"])).to_have_count(0)
    await seen.get_by_label(words["why"]).fill("fewer contacts, as complaints ask")
    await seen.get_by_role("button", name=words["propose"], exact=True).click()
    await expect(seen.get_by_text(words["own"])).to_be_visible()


async def everything_can_be_read(opened: Browser, base: str, password: str) -> None:
    """Every screen, full of figures, by axe-core; nothing is wider than the page."""
    axe = (installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    for who, language in (("ada", "en"), ("victor", "zh"), ("olivia", "en")):
        async with page(opened, base, **LOOKS[language]) as seen:
            await sign_in(seen, who, password, WORDS[language])
            links = await seen.locator("nav a").evaluate_all("links => links.map(one => one.dataset.screen)")
            for screen in (one for one in EVERY if one.partition("?")[0].partition("/")[0] in links):
                await seen.goto("about:blank")
                await seen.goto(f"/#/{screen}")
                await seen.wait_for_function(SHOWN)
                await can_be_read(seen, axe, f"{who} {screen}")
