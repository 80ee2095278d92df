"""The console's files: what they are served with, that nothing foreign is in them, and that no word is missing."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from gateway.web import console
from gateway.web.api import cookie
from gateway.web.ops import Health
from gateway.web.server import application
from tests.web.test_api import configured

STATIC = Path(console.__file__).with_name("static")
SCRIPTS = {file.name: file.read_text(encoding="utf-8") for file in STATIC.glob("*.js")}
WORDS = {name: json.loads((STATIC / f"{name}.json").read_text(encoding="utf-8")) for name in ("en", "zh")}
SLOT = re.compile(r"\{(\w+)\}")


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    async with TestClient(TestServer(application(Health(), CollectorRegistry(), None, configured()))) as client:
        yield client


async def test_every_file_is_served_under_a_policy_that_lets_nothing_else_run(client: Any) -> None:
    for path in ["/", *(f"/static/{file.name}" for file in STATIC.iterdir())]:
        answer = await client.get(path)
        assert answer.status == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        again = await client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
    for path in ("/static/none.js", "/static/..%2Fserver.py", "/static/../server.py"):
        assert (await client.get(path)).status == 404


def test_nothing_foreign_and_no_inline_script_or_style_is_in_them() -> None:
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), (
            file.name
        )
    assert not re.search(r"<style|style=|<script(?![^>]* src=)| on\w+=", (STATIC / "index.html").read_text())


def test_both_languages_have_the_same_words_with_the_same_slots() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert text.strip(), key
        assert chinese[key].strip(), key
        assert set(SLOT.findall(chinese[key])) <= set(SLOT.findall(text)) | {"n"}, key
        assert set(SLOT.findall(text)) <= set(SLOT.findall(chinese[key])) | {"n"}, key


def test_every_word_that_a_page_asks_for_is_there_and_every_other_is_gone() -> None:
    used: set[str] = set()
    for text in SCRIPTS.values():
        used |= set(re.findall(r"(?<![\w.])t\(\"([^\"]+)\"", text))
        used |= {
            word for pair in re.findall(r"\? \"([\w.]+)\" : \"([\w.]+)\"", text) for word in pair if word in WORDS["en"]
        }
        used |= set(re.findall(r"\"(needs\.\w+)\"", text))
    missing = {key for key in used if key not in WORDS["en"]}
    assert missing == set()
    made = ("screen.", "why.", "room.", "filter.", "approve", "return", "tenant", "provider", "template")
    spare = {
        key
        for key in WORDS["en"]
        if ":" not in key and key.removesuffix(".one") not in used and not key.startswith(made)
    }
    assert spare == set()


@pytest.mark.parametrize(
    ("method", "headers", "forged"),
    [
        ("GET", {}, False), ("HEAD", {"Sec-Fetch-Site": "cross-site"}, False), ("POST", {}, True),
        ("POST", {"Sec-Fetch-Site": "same-origin"}, False), ("POST", {"Sec-Fetch-Site": "same-site"}, True),
        ("POST", {"Sec-Fetch-Site": "none"}, True), ("DELETE", {"Sec-Fetch-Site": "cross-site"}, True),
        ("POST", {"Origin": "https://house.example"}, False), ("POST", {"Origin": "https://evil.example"}, True),
        ("POST", {"Origin": "null"}, True), ("POST", {"Origin": "https://["}, True),
        ("POST", {"Origin": "https://house.example", "Sec-Fetch-Site": "cross-site"}, True),
    ],
)  # fmt: skip
def test_another_sites_page_cannot_use_a_session(method: str, headers: dict[str, str], forged: bool) -> None:
    assert cookie.forged(method, headers, "house.example") is forged
