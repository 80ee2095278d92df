"""Signing in by the house's provider, in a real browser: to another site and back, in both languages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from playwright.async_api import Page, expect

from tests.peers.browser import browser, page
from tests.peers.npm import installed
from tests.stories.test_api import answering, free_port
from tests.stories.test_console import LOCALES, WORDS
from tests.stories.test_console_for_everybody import AXE, RULES
from tests.stories.world import World
from tests.web.identity import CLIENT, SECRET, IdentityProvider, identities

BUTTON = {"en": "Sign in with your organisation", "zh": "使用组织账号登录"}
DENIED = {"en": "Your organisation did not let you sign in.", "zh": "贵组织未允许您登录。"}


@asynccontextmanager
async def house(world: World, provider: IdentityProvider) -> AsyncIterator[str]:
    """A house whose people sign in by that provider, and nobody has an account."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    client = {"client_id": CLIENT, "client_secret": SECRET}
    oidc = {"issuer": provider.url, "audience": "gateway", "roles": {"officers": "compliance"}, "sign_in": client}
    web = {"port": port, "public_url": base, "oidc": oidc, "secrets": ["of the house, and of nobody else"]}
    world.configure(web=web, ledger={"url": f"sqlite:///{world.folder}/ledger.db"})
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield base


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_people_sign_in_at_their_organisation_and_come_back_to_where_they_were(
    world: World, language: str
) -> None:
    words, look = WORDS[language], {"locale": LOCALES[language]}
    async with identities() as provider, house(world, provider) as base, browser() as opened:
        provider.shown = True
        async with page(opened, base, **look) as ada:
            await ada.goto("/#/policies")
            await ada.get_by_role("link", name=BUTTON[language], exact=True).click()
            await ada.get_by_role("link", name="I am Ada").click()
            await expect(ada.get_by_text(words["live"], exact=True)).to_be_visible()
            assert ada.url == f"{base}/#/policies", "no code is left in the address"
            await expect(ada.locator("header .name")).to_have_text("oidc:ada")
            kept = {one["name"]: one for one in await ada.context.cookies()}
            assert set(kept) == {"gateway-session"}, "what was kept for the way is gone"
            assert (kept["gateway-session"]["httpOnly"], kept["gateway-session"]["sameSite"]) == (True, "Strict")
            await ada.reload()
            await expect(ada.get_by_text(words["live"], exact=True)).to_be_visible()
            await ada.get_by_role("button", name=words["out"], exact=True).click()
            await expect(ada.get_by_label(words["password"], exact=True)).to_be_visible()


async def readable(seen: Page) -> None:
    """axe-core finds nothing that keeps somebody from reading or using the page."""
    await seen.evaluate((installed(AXE) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = await seen.evaluate("rules => axe.run({runOnly: rules})", RULES)
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]] == []


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_whom_the_organisation_does_not_let_in_reads_why_and_goes_back(world: World, language: str) -> None:
    async with identities() as provider, house(world, provider) as base, browser() as opened:
        provider.denies = "access_denied"
        async with page(opened, base, ("403 (Forbidden)",), locale=LOCALES[language]) as ada:
            await ada.goto("/")
            await ada.get_by_role("link", name=BUTTON[language], exact=True).click()
            await expect(ada.get_by_text(DENIED[language], exact=True)).to_be_visible()
            await readable(ada)
            await ada.get_by_role("link").first.click()
            await expect(ada.get_by_role("link", name=BUTTON[language], exact=True)).to_be_visible()
            await readable(ada)
