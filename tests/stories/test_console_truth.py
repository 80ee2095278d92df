"""What the console shows is what the ledger holds, and that it is old is told as soon as it is."""

import re

import aiohttp
from playwright.async_api import Page, expect

from tests.peers.browser import browser, page
from tests.stories.test_api import answering, free_port
from tests.stories.test_console import house
from tests.stories.test_ledger import caught_up, keeper, opened
from tests.stories.world import World, reminder

ENGLISH = {"locale": "en-GB"}


async def numbers(seen: Page, within: str) -> list[int]:
    return [int(text.replace(",", "")) for text in await seen.locator(f"{within} .number").all_inner_texts()]


async def test_every_number_of_the_overview_the_backlog_and_the_search_is_the_ledgers(world: World) -> None:
    async with house(world) as base, aiohttp.ClientSession() as session:
        phones = {"refused": "+491701234501", "doubtful": "+491701234503", "lost": "+491701234504"}
        jobs = {f"{name}{n}": to for name, to in phones.items() for n in range(3)}
        await world.put(*[reminder(name, recipient={"phone": to}) for name, to in jobs.items()])
        await world.receipts.until(lambda: all(map(world.receipts.job, jobs)))
        await world.receipts.settle()
        await caught_up(world)
        async with session.get(f"{base}/v1/overview") as answer:
            told = await answer.json()
        async with browser() as opened_, page(opened_, base, **ENGLISH) as seen:
            await seen.goto("/")
            await expect(seen.locator(".legend")).to_be_visible()
            assert sorted(await numbers(seen, ".legend")) == sorted(told["books"]["standing"].values())
            assert sum(await numbers(seen, ".legend")) == told["books"]["accepted"]
            [row] = told["channels"][:1]
            wanted = [*row["standing"].values(), *row["reasons"].values()]
            assert sorted(await numbers(seen, "tbody tr:first-child")) == sorted(wanted)
            for word, count in told["books"]["standing"].items():
                await seen.goto(f"/#/messages?status={word}")
                await expect(seen.locator("main tbody tr")).to_have_count(count)
            await seen.goto("/#/lanes")
            scheduled = await world.redis.zcard(world.keys.schedule)
            await expect(seen.locator("main dd").first).to_have_text(str(scheduled))


async def test_a_ledger_that_stands_still_is_shown_as_stale_and_not_as_calm(world: World) -> None:
    port = free_port()
    world.configure(web={"port": port}, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    base = f"http://127.0.0.1:{port}"
    async with opened(world), world.worker("worker", "web"), aiohttp.ClientSession() as session:
        await answering(session, port)
        async with browser() as opened_, page(opened_, base, **ENGLISH) as seen:
            async with keeper(world):
                await world.put(reminder("a"))
                await world.receipts.ended("a")
                await caught_up(world)
                await seen.goto("/")
                await expect(seen.get_by_text("Live", exact=True)).to_be_visible()
            await world.put(reminder("b"))
            await world.receipts.ended("b")
            late = re.compile(r"Not live: the ledger is \d+ s behind")
            await expect(seen.get_by_text(late)).to_be_visible(timeout=15_000)
            assert await seen.locator("body.stale").count() == 1
            async with keeper(world):
                await expect(seen.get_by_text("Live", exact=True)).to_be_visible(timeout=15_000)
