"""A real browser, headless: Debian's Chromium, driven by Playwright. What it complains of is kept.

Where there is none the test is skipped at home; in CI it is installed.
"""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.alone import alone

INSTALL_S = 400
QUIETLY = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
PACKAGES = ("chromium", "fonts-noto-cjk")


def chromium() -> str:
    """Where it is."""
    if os.environ.get("CI") and shutil.which("chromium") is None:
        with alone("apt"):
            for order in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
                if shutil.which("chromium") is None:
                    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
                    subprocess.run(
                        ["apt-get", *order], check=True, capture_output=True, timeout=INSTALL_S, env=environment
                    )
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium fonts-noto-cjk")
    return found


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def page(opened: Browser, base: str, known: tuple[str, ...] = (), **given: Any) -> AsyncIterator[Page]:
    """A page of somebody's own; at the end it must have had nothing to complain of but what is `known`."""
    context = await opened.new_context(base_url=base, **given)
    seen = await context.new_page()
    complaints: list[str] = []
    seen.on(
        "console",
        lambda told: (
            complaints.append(f"{told.text} {told.location.get('url')}") if told.type in ("error", "warning") else None
        ),
    )
    seen.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield seen
    except BaseException as error:
        error.add_note(f"the browser complained of {complaints}")
        raise
    finally:
        await context.close()
    unknown = [one for one in complaints if not any(word in one for word in known)]
    assert unknown == [], unknown
