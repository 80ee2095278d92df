"""The console as people use it, in a real browser and both languages: why, pause, a changed limit, evidence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, expect

from gateway.bookkeeping.people import add_person
from gateway.domain.clock import SystemClock
from tests.peers.browser import browser, page
from tests.stories.test_api import answering, free_port
from tests.stories.test_evidence import audited
from tests.stories.test_four_eyes import PASSWORD
from tests.stories.test_ledger import caught_up, opened
from tests.stories.world import World, reminder

PEOPLE = {"otto": "ops", "ada": "compliance", "bea": "compliance"}
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
WORDS = {
    "en": {
        "name": "Name", "password": "Password", "in": "Sign in", "out": "Sign out",
        "find": "Find a person, an address, a job", "paused": "One pause is in force.",
        "free": "Nothing is paused.", "pause": "Pause", "resume": "Resume", "channel": "Channel",
        "limit": "contact limit", "text": "The pack as it should be",
        "why": "Why, with the legal source", "propose": "Propose",
        "own": "This is your own proposal. It needs another person.",
        "tried": "that went would be held back", "approve": "Approve", "comment": "Comment",
        "reason": "Reason", "take": "Take the evidence", "live": "Live", "sms": "SMS",
        "force": "in force now",
    },
    "zh": {
        "name": "姓名", "password": "密码", "in": "登录", "out": "退出", "find": "查找当事人、地址或任务",
        "paused": "有 1 项暂停生效。", "free": "没有暂停。", "pause": "暂停", "resume": "恢复", "channel": "渠道",
        "limit": "联系频次上限", "text": "拟定的政策包", "why": "理由及法律依据", "propose": "提交提案",
        "own": "这是您本人的提案，须由他人审批。", "tried": "次已发送的将被拦截", "approve": "批准",
        "comment": "意见",
        "reason": "理由", "take": "导出证据", "live": "实时", "sms": "短信", "force": "现已生效",
    },
}  # fmt: skip


@asynccontextmanager
async def house(world: World, *people: tuple[str, str]) -> AsyncIterator[str]:
    """A house where one person has had two of two messages, and a third waits; with these people and their roles."""
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db", "anchor_every": "1s"}
    world.configure(policies=world.policy(2), web={"port": port, "cool_off": "1s"}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        async with opened(world) as books:
            for name, role in people:
                assert await add_person(books, name, PASSWORD, [role], ["*"], SystemClock().now()) is None
        await world.put(reminder("first", "ann"), reminder("other", "bob"))
        await world.receipts.ended("first", "other")
        await world.put(reminder("second", "ann"))
        await world.receipts.ended("second")
        await world.put(reminder("third", "ann"))
        await world.receipts.until(lambda: bool(world.receipts.job("third")))
        await caught_up(world)
        yield f"http://127.0.0.1:{port}"


async def sign_in(seen: Page, name: str, words: dict[str, str]) -> None:
    await seen.goto("/")
    await seen.get_by_label(words["name"], exact=True).fill(name)
    await seen.get_by_label(words["password"], exact=True).fill(PASSWORD)
    await seen.get_by_role("button", name=words["in"], exact=True).click()
    await expect(seen.get_by_text(words["live"], exact=True)).to_be_visible()


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_people_find_out_why_pause_change_a_limit_and_take_the_evidence(world: World, language: str) -> None:
    words = WORDS[language]
    async with house(world, *PEOPLE.items()) as base, browser() as opened_:
        look: dict[str, Any] = {"locale": LOCALES[language]}
        async with page(opened_, base, **look) as otto:
            await sign_in(otto, "otto", words)
            await finds_why(otto, words)
            await pauses(otto, world, words)
            await otto.get_by_role("button", name=words["out"], exact=True).click()
            await expect(otto.get_by_label(words["password"], exact=True)).to_be_visible()
        async with page(opened_, base, **look) as ada, page(opened_, base, **look) as bea:
            await sign_in(ada, "ada", words)
            await proposes(ada, words)
            await sign_in(bea, "bea", words)
            await approves(bea, ada.url, words)
            await world.put(reminder("again", "bob"))
            await world.receipts.until(lambda: bool(world.receipts.job("again")))
            assert world.receipts.last("again")["reason"]["rule"] == "house.cap", (
                "one was sent, and one is the limit now"
            )
            await takes_evidence(bea, world, words)


async def finds_why(seen: Page, words: dict[str, str]) -> None:
    """From a name to the sentence and the rule: a search and a click."""
    await seen.get_by_placeholder(words["find"]).fill("ann")
    await seen.get_by_placeholder(words["find"]).press("Enter")
    await seen.get_by_role("link", name="third").click()
    await expect(seen.locator(".verdict")).to_contain_text("house.cap")
    await expect(seen.get_by_text(words["limit"]).first).to_be_visible()
    await expect(seen.locator(".rules").first).to_contain_text("house.cap")


async def pauses(seen: Page, world: World, words: dict[str, str]) -> None:
    """SMS waits from the click on, and goes again after the other."""
    await seen.goto("/#/switches")
    await expect(seen.get_by_text(words["free"]).first).to_be_visible()
    await seen.get_by_label(words["channel"], exact=True).select_option("sms")
    await seen.get_by_role("button", name=words["pause"], exact=True).click()
    await seen.get_by_role("dialog").get_by_role("button", name=words["pause"]).click()
    await expect(seen.get_by_text(words["paused"])).to_be_visible()
    await world.put(reminder("paused", "cleo"))
    await world.receipts.until(lambda: bool(world.receipts.job("paused")))
    assert world.receipts.last("paused")["reason"]["code"] == "paused"
    await seen.get_by_role("button", name=words["resume"], exact=True).click()
    await seen.get_by_role("dialog").get_by_role("button", name=words["resume"]).click()
    await expect(seen.locator(".verdict")).to_contain_text(words["free"])
    await world.receipts.ended("paused")


async def proposes(seen: Page, words: dict[str, str]) -> None:
    await seen.goto("/#/policies/house")
    text = seen.get_by_label(words["text"])
    before = await text.input_value()
    await text.fill(before.replace("version: test.1", "version: test.2").replace("max: 2", "max: 1"))
    await expect(seen.locator("del")).to_have_count(2)
    await seen.get_by_label(words["why"]).fill("the regulator wrote to us")
    await seen.get_by_role("button", name=words["propose"], exact=True).click()
    await expect(seen.get_by_text(words["own"])).to_be_visible()


async def approves(seen: Page, address: str, words: dict[str, str]) -> None:
    await seen.goto(address)
    await expect(seen.get_by_text(words["tried"])).to_be_visible(timeout=20_000)
    await seen.get_by_role("button", name=words["approve"], exact=True).click()
    await seen.get_by_label(words["comment"], exact=True).fill("looked at it")
    await seen.get_by_role("dialog").get_by_role("button", name=words["approve"]).click()
    await seen.wait_for_function("() => !document.querySelector('dialog')")
    await expect(seen.locator(".verdict").first).to_contain_text(words["force"], timeout=30_000)


async def takes_evidence(seen: Page, world: World, words: dict[str, str]) -> None:
    await seen.goto("/#/evidence?tenant=default&recipient_id=ann")
    await seen.get_by_label(words["reason"], exact=True).fill("case 12")
    async with seen.expect_download(timeout=30_000) as saving:
        await seen.get_by_role("button", name=words["take"], exact=True).click()
    bundle = world.folder / "evidence.zip"
    await (await saving.value).save_as(bundle)
    assert audited(bundle, world.folder / "ledger-public-key.txt")[0] == 0
