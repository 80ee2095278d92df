"""Documents that somebody bent: a worker lives through them, and each of them ends, waits, or is dead for a reason."""

import asyncio
import copy
import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from channels.contract import ProviderReceipt, Reply
from gateway.app import Undrained
from gateway.domain.command import parse_command
from gateway.domain.contact import parse_contact
from gateway.domain.errors import Fault
from gateway.domain.reminder import parse_reminder
from gateway.store.keys import parse_member
from tests.faults.checker import Verdict, summary
from tests.stories.world import PARAMS, ROOT, ShiftedClock, World

NOON = 1_795_575_600_000
"""11 o'clock in Shanghai on a weekday, when the packs that are shipped forbid nothing"""
GUSH = 60
OURS = ("store holds", "mistake")
"""words in an error that lay the fault at our own door"""

VALUES: tuple[Any, ...] = (
    None, True, 0, -0.0, -1, 1e308, 2**63, 10**300, [], {}, [1], {"a": 1},
    "", "a", " ", "*", "\u0000", "\ud800", "a/b%2F", "\x1f\x1e", "é" * 128, "x" * 129, "x" * 5000, "v", "c:x", "s:stop",
    "h", "%s%n", "'; DROP", "{{ 1 }}{% for %}", "\u202e\u2066x\n\r\x07", "all", "first", "legal",
    ["sms"], ["sms", "sms"], ["call", "push", "email", "sms"],
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-24T00:00:00+23:59", "2027-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z", "Asia/Shanghai", "Factory", "US-FL", "ZZ", "zh-Hant-x",
    "+8613800138000", "+10000000", "+999999999999999", "a@b.c", '"a b"@[1.2.3.4]', "あ@例え.jp", "a@" + "b" * 250,
    {"value": "-0", "currency": "USD"}, {"value": 1e300, "currency": "QQQ"},
    [{"provider": "webpush", "token": {"endpoint": None}}], [{"provider": "fcm", "token": "t" * 4000}] * 3,
)  # fmt: skip
AT = "2026-11-23T00:00:00Z"
JOB: dict[str, Any] = {
    "id": "a", "tenant": "t", "template": "overdue_reminder", "channels": ["sms", "push", "email", "call"],
    "strategy": "first", "purpose": "collection", "account": "acc", "creditor": "c", "collector": "k", "role": "agency",
    "recipient": {
        "id": "p", "locale": "zh-CN", "jurisdiction": "CN", "time_zone": "Asia/Shanghai", "phone": "+8613800138000",
        "email": "li@example.com", "push": [{"provider": "fcm", "token": "t05"}], "household": "hh",
    },
    "flags": ["response"], "params": PARAMS, "not_before": "2026-01-01T00:00:00Z", "metadata": {"c": "d"},
    "expires_at": "2027-11-25T00:00:00Z",
}  # fmt: skip
CONTACT: dict[str, Any] = {
    "id": "c", "tenant": "t", "recipient_id": "p1", "account": "acc", "address": "+86", "channel": "call", "at": AT,
    "event": "unanswered", "direction": "outbound", "flags": [], "collector": "k", "creditor": "c", "job_id": "j1",
    "household": "hh",
}  # fmt: skip
ORDERS: tuple[dict[str, Any], ...] = (
    {"type": "cancel", "job_id": "j", "account": "acc", "recipient_id": "p1"},
    {"type": "stop", "recipient_id": "p1", "reason": "opted_out", "channel": "sms", "account": "a", "address": "b",
     "from": AT, "until": "2026-12-23T00:00:00Z"},
    {"type": "consent", "recipient_id": "p1", "state": "night_consent", "channel": "sms",
     "until": "2026-12-23T00:00:00Z"},
    {"type": "resume", "recipient_id": "p1", "reason": "opted_out", "channel": "sms", "account": "a", "address": "b"},
    {"type": "pause", "channel": "sms", "provider": "zz", "template": "t"},
    {"type": "unpause", "channel": "sms", "provider": "zz", "template": "t"},
)  # fmt: skip
REPORTS = (b"{}", b"\xff", b'{"type":"receipt","provider":"x","reference":"zz","status":"delivered","at":1}')


def bent(lots: random.Random, document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with up to three values, somewhere in it, in the place of others."""
    result: dict[str, Any] = copy.deepcopy(dict(document))
    for _ in range(lots.choice((0, 1, 1, 2, 3))):
        place = result
        while True:
            key = lots.choice(list(place)) if place else "z"
            if not (isinstance(place.get(key), dict) and place[key] and lots.random() < 0.6):
                break
            place = place[key]
        place[key if lots.random() < 0.93 else lots.choice(("zz", "", "__proto__", "from"))] = lots.choice(VALUES)
    return result


def encoded(lots: random.Random, document: Mapping[str, Any]) -> bytes:
    """As JSON, sometimes cut off or no UTF-8."""
    raw = json.dumps(document).encode()
    if lots.random() < 0.05:
        raw = raw[: lots.randrange(len(raw))]
    return raw.replace(b"a", b"\xff", 1) if lots.random() < 0.03 else raw


class Post:
    """What was put on the streams. `expected` are the jobs that can be read, `dead` how many entries of a stream cannot
    be, both by the parsers alone: what a running gateway makes of an entry must not differ."""

    def __init__(self, world: World, lots: random.Random) -> None:
        self.world, self.lots = world, lots
        self.entries = 0
        self.expected: set[tuple[str, str, str]] = set()
        self.dead: Counter[str] = Counter()

    async def gush(self, number: int, count: int) -> None:
        lots, keys = self.lots, self.world.keys
        for index in range(count):
            name, person = f"j{number}-{index}", f"p{lots.randrange(400)}"
            phone = f"+86138001{lots.randrange(1000):03d}{lots.choice(('00', '01', '04', '05', '07'))}"
            who = JOB["recipient"] | {"id": person, "phone": phone}
            job = JOB | {"id": name, "recipient": who, "strategy": lots.choice(("first", "all"))}
            await self.job(lots.choice(list(keys.lanes.values())), encoded(lots, bent(lots, job)))
            if lots.random() < 0.3:
                raw = encoded(lots, bent(lots, CONTACT | {"id": name, "recipient_id": person}))
                await self.add(keys.contacts, "contact", raw, isinstance(parse_contact(raw), Fault))
            if lots.random() < 0.2:
                raw = encoded(
                    lots, bent(lots, {"id": f"o{name}", "tenant": "t", "at": AT, "by": "x"} | lots.choice(ORDERS))
                )
                await self.add(keys.commands, "command", raw, isinstance(parse_command(raw), Fault))
            if lots.random() < 0.02:
                raw, field = lots.choice(REPORTS), lots.choice(("report", "q"))
                await self.add(keys.callbacks, field, raw, field != "report" or not _report(raw))

    async def job(self, lane: str, raw: bytes) -> None:
        field = self.lots.choice(["job"] * 30 + ["wake", "x", "jobs"])
        read = parse_reminder(raw) if field == "job" else Fault(field, "is no job")
        if not isinstance(read, Fault):
            self.expected.add((read.tenant, read.recipient.id, read.id))
        await self.add(lane, field, raw, isinstance(read, Fault))

    async def add(self, stream: str, field: str, raw: bytes, dead: bool) -> None:
        self.entries += 1
        self.dead[stream] += dead
        await self.world.redis.xadd(stream, {field: raw})


def _report(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw, type=ProviderReceipt | Reply)
    except msgspec.DecodeError:
        return False
    return True


async def mangled(world: World, seed: int, count: int) -> Verdict:
    """So many bent jobs, and contacts, orders and reports among them, for one worker."""
    box = {"kind": "sandbox", "receipt_ms": 5, "doubts": 100_000}
    world.configure(
        {channel: [{"name": f"box-{channel}", **box}] for channel in ("sms", "email", "push", "call")},
        policies=ROOT / "config" / "policies",
    )  # fmt: skip
    post, verdict = Post(world, random.Random(seed)), Verdict()
    try:
        async with world.inside(ShiftedClock.at(NOON)) as plant:
            for number, begin in enumerate(range(0, count, GUSH)):
                await post.gush(number, min(GUSH, count - begin))
                await _emptied(world, verdict)
            await asyncio.sleep(0.5)
            await _emptied(world, verdict)
            verdict.leaked += [f"{name} is in hand" for name in plant.worker.hand.entries]
            verdict.leaked += [f"{d.name}: {d.free} of {d.slots} slots" for d in plant.desks if d.free != d.slots]
    except (TimeoutError, Undrained, BaseExceptionGroup) as error:
        verdict.stuck.append(f"the worker did not end well: {error!r}")
    await _judge(world, post, verdict)
    return verdict


async def _emptied(world: World, verdict: Verdict, looks: int = 500) -> None:
    for _ in range(looks):
        if not await world.backlog():
            return
        await asyncio.sleep(0.02)
    verdict.stuck.append(f"{await world.backlog()} entries are not put away")


async def _judge(world: World, post: Post, verdict: Verdict) -> None:
    told: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for _, fields in await world.redis.xrange(world.keys.receipts):
        receipt = json.loads(fields[b"receipt"])
        if not receipt["id"].endswith("#0"):  # of an entry that nobody could read: no job was begun
            told.setdefault((receipt["tenant"], receipt["recipient_id"], receipt["job_id"]), []).append(receipt)
    members = [parse_member(name.decode()) for name in await world.redis.zrange(world.keys.schedule, 0, -1)]
    waits = {(member.tenant, member.recipient, member.job) for member in members}
    verdict.acknowledged = len(post.expected)
    for job in post.expected:
        receipts = told.get(job, [])
        verdict.in_doubt += any(receipt["status"] == "in_doubt" for receipt in receipts)
        if any(receipt["final"] for receipt in receipts):
            verdict.ok += 1
        elif job in waits and receipts:
            verdict.waiting += 1
        else:
            verdict.lost.append(f"{job}: {summary(receipts)}")
    for job, receipts in told.items():
        numbers = [int(receipt["id"].rpartition("#")[2]) for receipt in receipts]
        finals = Counter(r["channel"] for r in receipts if r["final"] and r["status"] != "presumed_sent")
        if numbers != list(range(1, len(numbers) + 1)) or any(times > 1 for times in finals.values()):
            verdict.ill_formed.append(f"{job} {numbers}: {summary(receipts)}")
    dead: Counter[str] = Counter()
    for _, fields in await world.redis.xrange(world.keys.dead):
        dead[fields[b"stream"].decode()] += 1
        if any(word in fields[b"error"].decode() for word in OURS):
            verdict.unexplained.append(fields[b"error"].decode()[:200])
    for stream in {*dead, *post.dead}:
        if dead[stream] != post.dead[stream]:
            verdict.unexplained.append(f"{stream}: {dead[stream]} dead letters of {post.dead[stream]} unreadable ones")
    verdict.injected["unreadable"] = dead.total()
