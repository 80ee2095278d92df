"""How soon the overview is there, in Chromium, on a ledger of many jobs: `python -m benchmarks.first_paint --folder F`.

The folder is one that `benchmarks.big_ledger` filled. Told are the browser's own first contentful paint, and when the
verdict stands on the page, both from the click on.
"""

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
import msgspec
from playwright.async_api import Browser, async_playwright

TIMES = 20
CHROMIUM = "/usr/bin/chromium"
PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length"
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
COMMAND = [sys.executable, "-c", "import sys; from gateway.cli.main import main; sys.exit(main())", "run"]
READY_S = 60


async def main(folder: Path, port: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "gateway.yaml"
        settings = {
            "redis": {"url": "embedded", "data": "redis"}, "web": {"port": port}, "log": {"level": "error"},
            "ledger": {
                "url": f"sqlite:///{folder.resolve()}/ledger.db", "keys": f"sqlite:///{folder.resolve()}/keys.db",
                "keyring": str(folder.resolve() / "keyring.json"), "anchors": f"{name}/anchors.jsonl",
            },
            "channels": {"sms": {"providers": [{"name": "practice", "kind": "sandbox"}]}},
        }  # fmt: skip
        config.write_bytes(msgspec.json.encode(settings))
        with subprocess.Popen([*COMMAND, "--config", str(config)], env=os.environ) as gateway:  # noqa: ASYNC220
            try:
                await answering(port)
                async with async_playwright() as playwright:
                    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                    await measure(browser, f"http://127.0.0.1:{port}")
                    await browser.close()
            finally:
                gateway.send_signal(signal.SIGTERM)


async def answering(port: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(READY_S * 10):
            try:
                async with session.get(f"http://127.0.0.1:{port}/v1/overview") as answer:
                    if answer.status == 200:
                        print(f"jobs: {(await answer.json())['books']['accepted']}")
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise TimeoutError("the gateway does not answer")


async def measure(browser: Browser, base: str) -> None:
    """Each time in a browser that has never been there."""
    paints, verdicts = [], []
    loop = asyncio.get_running_loop()
    for _ in range(TIMES):
        context = await browser.new_context()
        page = await context.new_page()
        began = loop.time()
        await page.goto(f"{base}/", wait_until="commit")
        await page.locator(".verdict").wait_for()
        verdicts.append((loop.time() - began) * 1000)
        await page.wait_for_function(PAINTED)
        paints.append(float(await page.evaluate(PAINT)))
        await context.close()
    for what, times in (("first paint", paints), ("verdict", verdicts)):
        print(f"{what}: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms of {TIMES}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var/big"))
    parser.add_argument("--port", type=int, default=8099)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.folder, chosen.port))
