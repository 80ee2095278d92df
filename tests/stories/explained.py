"""What stories of the commands that explain share: packs of their own, and what the commands say of a job."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec

from gateway.cli.explain import stories
from gateway.queries.telling import page
from tests.stories.world import ROOT, World

HEAD = """
code: {code}
title: A jurisdiction for tests
version: {version}
notice: Not legal advice.
clock: recipient
rules:
"""
HOURS = """
  - id: {id}
    kind: window
    force: statute
    source: "12 CFR 1006.6(b)(1)(i)"
    status: verified
    applies: {{channels: [sms]}}
    hours: {{mon-sun: "{hours}"}}
"""
CAP = """
  - id: house.cap
    kind: cap
    force: house
    source: "the house"
    status: verified
    max: 2
    within: {rolling: PT24H}
    counts: ["*.sent", call.answered]
    scope: [recipient]
"""
OTHERS = """
  - id: xx.email
    kind: window
    source: "a"
    status: secondary
    applies: {channels: [email]}
    hours: {mon-sun: "09:00-10:00"}
  - id: xx.legal
    kind: window
    source: "b"
    status: verified
    applies: {purposes: [legal]}
    hours: {mon-sun: "09:00-10:00"}
  - id: xx.agency
    kind: window
    source: "c"
    status: verified
    applies: {roles: [agency]}
    hours: {mon-sun: "09:00-10:00"}
  - id: xx.waived
    kind: window
    source: "d"
    status: verified
    waived_by: [response]
    hours: {mon-sun: "09:00-10:00"}
  - id: xx.later
    kind: window
    source: "e"
    status: verified
    effective: {from: 2090-01-01}
    hours: {mon-sun: "09:00-10:00"}
  - id: xx.rich
    kind: window
    source: "f"
    status: verified
    applies: {accounts: {days_overdue: {over: 15}}}
    hours: {mon-sun: "09:00-10:00"}
"""
STOP = """
  - id: xx.cease
    kind: stop
    force: statute
    source: "15 USC 1692c(c)"
    status: verified
    states: [cease]
"""
CONSENT = """
  - id: xx.consent
    kind: require
    force: statute
    source: "a consent act"
    status: unverified
    state: sms_consent
"""
CONTENT = """
  - id: xx.phrases
    kind: content
    force: statute
    source: "a content act"
    status: verified
    forbid: {en: [overdue]}
"""


def packs(world: World, version: str = "v1", **rules: str) -> Path:
    """A folder with a pack for each code, made of these rules; others are not in it."""
    folder = world.folder / "packs"
    folder.mkdir(exist_ok=True)
    for code, text in rules.items():
        new = folder / f".{code}.new"
        new.write_text(HEAD.format(code=code, version=version) + text)
        new.replace(folder / f"{code}.yaml")
    world.configure(policies=folder)
    return folder


async def gateway(world: World, *arguments: str) -> tuple[int, str, str]:
    """The command as somebody would type it: status, output, complaints."""
    command = [Path(sys.executable).with_name("gateway"), arguments[0], "--config", world.config_file, *arguments[1:]]
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert b"Traceback" not in err, err.decode()
    return process.returncode or 0, out.decode(), err.decode()


async def explained(world: World, job: str) -> tuple[str, str, dict[str, Any]]:
    """The page in English, the one in Chinese, and the document."""
    (english,) = await stories(world.config(), job, None, None, "en")
    (chinese,) = await stories(world.config(), job, None, None, "zh")
    return page(english, "en"), page(chinese, "zh"), msgspec.json.decode(msgspec.json.encode(english))


def channel(story: dict[str, Any]) -> dict[str, Any]:
    (found,) = story["tracks"][0]["look"]["channels"]
    return dict(found)


def rule(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [told for told in found["rules"] if told["rule"] == name]
    return dict(one)
