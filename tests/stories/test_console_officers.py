"""What officers do in the console: look at how a person's limits stand, print it, try a text, look after replies."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Locator, Page, expect

from channels.contract import Reply
from gateway.domain.clock import HOUR, SystemClock
from gateway.domain.walltime import wall
from gateway.pipeline.replies import take_reply
from gateway.store.redis import Store
from tests.peers.browser import browser, page
from tests.stories.test_api import answering, free_port
from tests.stories.test_ledger import caught_up
from tests.stories.world import World, reminder

LOCALES = {"en": "en-GB", "zh": "zh-CN"}
USED = {"en": "2 of 2 used within the last 24 hours.", "zh": "最近 24 小时内已用 2 / 2 次。"}
FREES = {
    "en": r"The next is free .* \(there: .* Europe/Berlin\);",
    "zh": "下一次可用时间：.*（当地：.* Europe/Berlin）；",
}
ANSWERED = {
    "en": {
        "read": "Read", "reason": "Reason", "stop": "Stop this person", "done": "Looked after",
        "what": "What was done", "none": "No reply waits for a person.", "all": "All",
    },
    "zh": {
        "read": "阅读", "reason": "理由", "stop": "停止联系此人", "done": "标记为已处理", "what": "处理内容",
        "none": "没有待人工处理的回复。", "all": "全部",
    },
}  # fmt: skip
TRIED = {
    "en": {
        "price": "Price of a segment",
        "dear": "One character makes it UCS-2",
        "long": "Longest values",
        "unpriced": "With the price",
    },
    "zh": {"price": "每段单价", "dear": "1 个字符导致使用 UCS-2", "long": "最长值", "unpriced": "填写每段单价后"},
}
LAWYER = "<b>Please</b> talk to my lawyer, Dr. Specht"
PRINT = {"en": "From the ledger at entry", "zh": "依据账本第"}


def open_now() -> str:
    """Hours that are open for a while before and after now in Berlin, and closed at the other end of the day."""
    hour = wall("Europe/Berlin", SystemClock().now()) // HOUR % 24
    return f"{(hour - 2) % 24:02d}:00-{(hour + 4) % 24:02d}:00"


@asynccontextmanager
async def officers(world: World) -> AsyncIterator[str]:
    """A house where ann has had two of two messages, within hours that are closed for most of the day."""
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(policies=world.policy(2, hours=open_now()), web={"port": port}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        for name in ("first", "second"):
            await world.put(reminder(name, "ann"))
            await world.receipts.ended(name)
        await caught_up(world)
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_persons_limits_are_drawn_told_and_printed_on_one_page(world: World, language: str) -> None:
    # The reader's zone is not the person's.
    look: dict[str, Any] = {"locale": LOCALES[language], "timezone_id": "Asia/Shanghai"}
    async with officers(world) as base, browser() as opened, page(opened, base, **look) as seen:
        await seen.goto("/#/person/default/ann")
        limit = seen.locator(".limit")
        await expect(limit).to_contain_text(USED[language])
        await expect(limit).to_contain_text(re.compile(FREES[language]))
        drawn = seen.locator("svg.ruler")
        await expect(drawn).to_have_attribute("aria-label", re.compile(re.escape(USED[language])))
        await expect(drawn.locator("circle")).to_have_count(1)
        await expect(drawn.locator("text")).to_have_text("2×")
        await expect(drawn.locator("line.free")).to_have_count(1)
        assert await drawn.locator("rect.closed").count() >= 1
        await within_the_drawing(drawn.locator("rect.closed, circle, line"))
        await limit.locator("summary").click()
        await expect(limit.locator("tbody tr")).to_have_count(2)
        await one_page(seen, world, PRINT[language])


async def within_the_drawing(marks: Locator) -> None:
    """Nothing is drawn beyond the edges, where nobody would see it."""
    spans = await marks.evaluate_all("all => all.map(one => [one.getBBox().x, one.getBBox().x + one.getBBox().width])")
    assert spans
    assert all(0 <= start <= end <= 900 for start, end in spans), spans


async def one_page(seen: Page, world: World, words: str) -> None:
    """What is printed is one page of A4, with the ledger's head and without what can only be clicked."""
    await seen.emulate_media(media="print")
    await expect(seen.locator(".proof")).to_contain_text(words)
    await expect(seen.locator("nav")).to_be_hidden()
    paper = await seen.pdf(format="A4")
    if kept := os.environ.get("PICTURES"):
        await seen.set_viewport_size({"width": 718, "height": 1047})
        await seen.screenshot(path=f"{kept}/print-{world.folder.name}.png", full_page=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    await seen.emulate_media(media="screen")
    if kept:
        await seen.screenshot(path=f"{kept}/person-{world.folder.name}.png", full_page=True)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_reply_is_read_for_a_reason_its_person_stopped_and_it_waits_no_more(
    world: World, language: str
) -> None:  # fmt: skip
    words = ANSWERED[language]
    async with officers(world) as base, browser() as opened, page(opened, base, locale=LOCALES[language]) as seen:
        now = SystemClock().now()
        for number, text in enumerate([LAWYER, "STOP"]):
            sender = "+491701234500"
            reply = Reply(provider="sandbox", id=f"{number}", channel="sms", sender=sender, text=text, at=now)
            await take_reply(Store(world.redis, world.keys, journaled=True), reply, now)
        await caught_up(world)
        await seen.goto("/#/replies")
        rows = seen.locator("main tbody tr")
        await expect(rows).to_have_count(1)
        await expect(seen.locator("main")).not_to_contain_text("Specht")
        await rows.get_by_role("button", name=words["read"], exact=True).click()
        await seen.get_by_label(words["reason"], exact=True).fill("to answer her")
        await seen.get_by_role("dialog").get_by_role("button", name=words["read"], exact=True).click()
        await expect(seen.locator("blockquote")).to_have_text(LAWYER)
        await seen.locator(".revealed").get_by_role("button", name=words["stop"], exact=True).click()
        dialog = seen.get_by_role("dialog")
        await dialog.locator("select").select_option("attorney")
        await dialog.locator("button.danger").click()
        await expect(seen.locator("main h1")).to_have_text("ann")
        await seen.goto("/#/replies")
        await rows.get_by_role("button", name=words["done"], exact=True).click()
        await dialog.get_by_label(words["what"], exact=True).fill("her lawyer is written to")
        await dialog.get_by_role("button", name=words["done"], exact=True).click()
        await expect(seen.get_by_text(words["none"])).to_be_visible()
        await seen.get_by_role("link", name=words["all"], exact=True).click()
        await expect(rows).to_have_count(2)
        await expect(rows.filter(has_text="her lawyer is written to")).to_have_count(1)
        await caught_up(world)
        await seen.goto("/#/states?state=attorney")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("ann")
        await world.put(reminder("late", "ann", recipient={"phone": "+491701234510"}))
        await world.receipts.ended("late")
        reason = world.receipts.last("late")["reason"]
        assert (reason["code"], world.receipts.last("late")["status"]) == ("stopped", "suppressed"), reason


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_text_is_tried_with_ones_own_values_and_told_what_it_costs(world: World, language: str) -> None:
    words = TRIED[language]
    async with officers(world) as base, browser() as opened:
        known = ("422",)
        async with page(opened, base, known, locale=LOCALES[language]) as seen:
            await seen.goto("/#/templates?template=overdue_reminder&locale=en&channel=sms")
            name, cost = seen.locator("#f-v-name"), seen.locator("main [role=status]").last
            await expect(name).not_to_have_value("")
            await expect(seen.locator(".phone .message")).to_contain_text(await name.input_value())
            await expect(cost).to_contain_text(words["unpriced"])
            await expect(seen.get_by_text("GSM-7")).to_be_visible()
            await name.fill("Ana – x")
            await expect(seen.get_by_text("UCS-2", exact=True)).to_be_visible()
            await seen.locator("summary", has_text=words["dear"]).click()
            dash = seen.locator("details tbody tr")
            await expect(dash).to_contain_text("U+2013")
            await expect(dash.locator("td").last).to_have_text("-")
            await seen.get_by_label(words["price"]).fill("0.07")
            parts = int(await seen.locator("main dd").nth(1).inner_text())
            await expect(cost).to_contain_text(f"{70 * parts}")
            await seen.get_by_role("button", name=words["long"], exact=True).click()
            await expect(seen.locator(".phone .message")).to_contain_text("9,999,999.99")
            await expect(seen.get_by_label(words["price"])).to_have_value("0.07")
            await name.fill("")
            await expect(seen.locator(".trouble", has_text="name")).to_be_visible()
            await expect(seen.locator(".phone")).to_have_count(0)
            await sees_the_email(seen)


async def sees_the_email(seen: Page) -> None:
    """In the light and in the dark, each with colours of its own, and as plain text with the subject."""
    await seen.goto("/#/templates?template=payment_plan_offer&locale=en&channel=email")
    colours = []
    for scheme in ("light", "dark"):
        inside = seen.frame_locator(f"iframe.{scheme}")
        await expect(inside.locator("h1")).to_have_text("Pay in instalments")
        colours.append(await inside.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
    assert len(set(colours)) == 2, colours
    await expect(seen.locator("main pre")).to_contain_text("instalments")
    await expect(seen.locator("main dd").first).not_to_have_text("–")
