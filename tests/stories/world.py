"""One gateway and the world around it, for stories: real server, real workers, and receipts held to their contract.

Every story has a prefix of its own on the server, so that no story sees another's keys.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio as redis
import yaml

from gateway.app import Plant, plant, read_words, run_plant
from gateway.config import Config, load
from gateway.domain.clock import DAY, Clock, SystemClock, format_instant
from gateway.pipeline.metrics import Metrics
from gateway.store.keys import GROUP, Keys, Lane
from gateway.store.redis import client

ROOT = Path(__file__).parents[2]
FIELDS = {
    "id", "job_id", "tenant", "recipient_id", "account", "status", "final", "channel", "provider",
    "provider_message_id", "at", "attempt", "reason", "policy", "template", "template_version", "locale", "segments",
    "metadata",
}  # fmt: skip
REASON = {"code", "message", "rule", "until", "provider_code"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ALWAYS_FINAL = {"delivered", "failed", "suppressed", "expired", "cancelled", "rejected", "presumed_sent"}
NEVER_FINAL = {"deferred", "in_doubt"}

OPEN_HOUSE = """
code: house
title: A house for tests whose only rule is a cap
version: test.1
notice: Not legal advice.
clock: recipient
rules:
  - id: house.cap
    kind: cap
    force: house
    source: "the story"
    status: verified
    max: {max}
    within: {within}
    counts: [{counts}]
    scope: [recipient]
    otherwise: {otherwise}
"""
COUNTS = '"*.sent", call.unanswered, call.voicemail, call.answered, "*.conversation", visit.made'
HOURS = """
  - id: house.hours
    kind: window
    force: house
    source: "the story"
    status: verified
    hours: {{mon-sun: "{hours}"}}
"""
PARAMS = {
    "name": "Alex Morgan", "creditor": "Example Bank", "amount_due": {"value": "1280.50", "currency": "USD"},
    "due_date": "2026-11-20", "days_overdue": 3, "contact_phone": "800-555-0100",
}  # fmt: skip


def reminder(name: str, person: str | None = None, **given: Any) -> dict[str, Any]:
    """A valid job for one sms; `given` replaces or adds fields, those of the recipient where it is a mapping."""
    recipient = {"id": person or f"p-{name}", "time_zone": "Europe/Berlin", "phone": "+491701234500", "locale": "en"}
    recipient |= given.pop("recipient", {})
    return {
        "id": name, "template": "overdue_reminder", "channels": ["sms"], "params": PARAMS, "recipient": recipient
    } | given  # fmt: skip


class Receipts:
    """Reads the stream of receipts and holds every one of them to CONTRACT 3 as it comes."""

    def __init__(self, connection: redis.Redis, keys: Keys, jobs: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        self._redis, self._keys, self._jobs = connection, keys, jobs
        self._last = "0-0"
        self.all: list[dict[str, Any]] = []
        self.of: dict[tuple[str | None, str], list[dict[str, Any]]] = {}
        """by recipient and job id"""
        self._named: dict[str, list[dict[str, Any]]] = {}

    async def read(self, block_ms: int = 50) -> int:
        rows = await self._redis.xread({self._keys.receipts: self._last}, count=5000, block=block_ms)
        entries = rows[0][1] if rows else []
        for entry, fields in entries:
            self._last = entry.decode()
            self._take(json.loads(fields[b"receipt"]))
        return len(entries)

    async def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        """Reads until `done`; when the time is over, says what was seen."""
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    await self.read()
        except TimeoutError:
            raise AssertionError(f"not so within {seconds} s; {self.count()}; last: {self.all[-3:]}") from None

    async def ended(self, *names: str, seconds: float = 20.0) -> None:
        """Until every job named has its last receipt."""
        left = set(names)

        def done() -> bool:
            left.difference_update([name for name in left if self.over(name)])
            return not left

        try:
            await self.until(done, seconds)
        except AssertionError as error:
            raise AssertionError(f"{len(left)} did not end: {[self.job(n) or n for n in sorted(left)[:3]]}") from error

    async def settle(self, quiet_s: float = 0.4) -> None:
        """Reads what still comes until nothing does for a while: for what must not happen."""
        while await self.read(int(quiet_s * 1000)):
            pass

    def over(self, name: str) -> bool:
        told = self.job(name)
        doc = self._jobs.get((told[0]["recipient_id"] or "", told[0]["job_id"]), {}) if told else {}
        wanted = len(doc["channels"]) if doc.get("strategy") == "all" else 1
        return len([r for r in told if r["final"]]) >= wanted

    def job(self, name: str) -> list[dict[str, Any]]:
        """The receipts of a job by its id alone, which stories keep unique."""
        return self._named.get(name, [])

    def statuses(self, name: str) -> list[str]:
        return [receipt["status"] for receipt in self.job(name)]

    def last(self, name: str) -> dict[str, Any]:
        return self.job(name)[-1]

    def count(self) -> Counter[str]:
        return Counter(receipt["status"] for receipt in self.all)

    def _take(self, receipt: dict[str, Any]) -> None:
        told = self.of.setdefault((receipt["recipient_id"], receipt["job_id"]), [])
        doc = self._jobs.get((receipt["recipient_id"] or "", receipt["job_id"]))
        self._well_formed(receipt, doc)
        unread = (receipt["reason"] or {}).get("code") == "bad_input"  # no job was begun: numbered 0, whatever follows
        number = 0 if unread else len([one for one in told if not one["id"].endswith("#0")]) + 1
        assert receipt["id"] == f"{receipt['job_id']}#{number}", f"a gap or a repetition: {receipt}, {told}"
        every = doc is not None and doc.get("strategy") == "all"
        before = [r for r in told if (not every or r["channel"] == receipt["channel"]) and not r["id"].endswith("#0")]
        if finals := [r for r in before if r["final"]]:
            assert finals[-1]["status"] == "presumed_sent", f"{receipt} follows {finals[-1]}"
            assert receipt["status"] in ("delivered", "undelivered"), receipt
        told.append(receipt)
        self._named.setdefault(receipt["job_id"], []).append(receipt)
        self.all.append(receipt)

    def _well_formed(self, receipt: dict[str, Any], doc: Mapping[str, Any] | None) -> None:
        assert set(receipt) == FIELDS, set(receipt) ^ FIELDS
        assert TIME.fullmatch(receipt["at"]), receipt
        status, final, reason = receipt["status"], receipt["final"], receipt["reason"]
        assert status in ALWAYS_FINAL | NEVER_FINAL | {"sent", "undelivered"}, receipt
        assert isinstance(final, bool)
        assert final or status not in ALWAYS_FINAL, receipt
        assert not final or status not in NEVER_FINAL, receipt
        assert reason is None or (set(reason) == REASON and reason["code"] and reason["message"]), receipt
        assert reason is not None or status in ("sent", "delivered"), receipt
        if reason and reason["until"] is not None:
            assert TIME.fullmatch(reason["until"]), receipt
        if status in ("sent", "delivered", "undelivered", "in_doubt", "presumed_sent"):
            for key in ("channel", "provider", "attempt", "template_version", "locale", "policy"):
                assert receipt[key] is not None, (key, receipt)
        if status == "sent":
            assert receipt["provider_message_id"] is not None, receipt
        if doc is not None:
            assert receipt["metadata"] == doc.get("metadata", {}), receipt
            assert (receipt["tenant"], receipt["template"]) == (doc.get("tenant", "default"), doc["template"]), receipt
            assert receipt["account"] == doc.get("account"), receipt


class World:
    """`jobs` are the jobs that were put on the lanes, by recipient and id."""

    def __init__(self, url: str, folder: Path, prefix: str) -> None:
        self.url, self.folder, self.prefix = url, folder, prefix
        self.redis = client(url)
        self.keys = Keys(prefix)
        self.jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self.receipts = Receipts(client(url, blocking=True), self.keys, self.jobs)
        self.clock: Clock = SystemClock()
        self.config_file = folder / "gateway.yaml"
        self._orders = 0

    async def close(self) -> None:
        keys = [key async for key in self.redis.scan_iter(f"{self.prefix}:*", count=5000)]
        for first in range(0, len(keys), 1000):
            await self.redis.unlink(*keys[first : first + 1000])
        await self.redis.aclose()
        await self.receipts._redis.aclose()

    # What the gateway is told to be.

    def policy(
        self, most: int = 1000, within: str = "{rolling: PT24H}", otherwise: str = "defer", *, hours: str | None = None,
        counts: str = COUNTS,
    ) -> Path:  # fmt: skip
        """A folder with a pack of our own: a cap, and a window if hours are given."""
        folder = self.folder / "policies"
        folder.mkdir(exist_ok=True)
        text = OPEN_HOUSE.format(max=most, within=within, otherwise=otherwise, counts=counts)
        (folder / "house.yaml").write_text(text + (HOURS.format(hours=hours) if hours else ""))
        return folder

    def configure(self, channels: Mapping[str, Any] | None = None, **sections: Any) -> Path:
        """Writes the configuration; sandboxes everywhere unless channels say otherwise, and quick retries.
        `fallback_after` is given by channel."""
        providers = channels or {
            channel: [{"name": f"box-{channel}", "kind": "sandbox", "receipt_ms": 20}]
            for channel in ("sms", "email", "push")
        }
        policies, silence = sections.pop("policies", None) or self.policy(), sections.pop("fallback_after", {})
        document = {
            "redis": {"url": self.url, "prefix": self.prefix},
            "defaults": {"jurisdiction": "DE", "locale": "en"},
            "policies": str(policies), "templates": str(ROOT / "templates"),
            "channels": {
                channel: {"providers": listed} | ({"fallback_after": silence[channel]} if channel in silence else {})
                for channel, listed in providers.items()
            },
            "retry": {"first": "200ms", "most": "1s"}, "log": {"level": "warning"},
            "ledger": {"url": None},  # the stories of the ledger name one; the others start so much sooner
        }  # fmt: skip
        for name, section in sections.items():
            document[name] = document.get(name, {}) | section if isinstance(section, dict) else section
        self.config_file.write_text(yaml.safe_dump(document))
        return self.config_file

    def config(self) -> Config:
        found = load(self.config_file, os.environ)
        assert isinstance(found, Config), found
        return found

    # What others write.

    async def put(self, *jobs: Mapping[str, Any], lane: Lane = "normal") -> None:
        pipeline = self.redis.pipeline(transaction=False)
        for job in jobs:
            self.jobs[job["recipient"]["id"], job["id"]] = dict(job)
            pipeline.xadd(self.keys.lanes[lane], {"job": json.dumps(job)})
        await pipeline.execute()

    async def command(self, type_: str, **given: Any) -> None:
        self._orders += 1
        order = {
            "type": type_, "id": f"order-{self._orders}", "at": format_instant(self.clock.now()), "by": "a story"
        } | given  # fmt: skip
        await self.redis.xadd(self.keys.commands, {"command": json.dumps(order)})

    async def contact(self, person: str, **given: Any) -> None:
        self._orders += 1
        fact = {
            "id": f"contact-{self._orders}", "recipient_id": person, "channel": "call", "event": "answered",
            "at": format_instant(self.clock.now()),
        } | given  # fmt: skip
        await self.redis.xadd(self.keys.contacts, {"contact": json.dumps(fact)})

    async def dead(self) -> list[dict[str, str]]:
        rows = await self.redis.xrange(self.keys.dead)
        return [{key.decode(): value.decode() for key, value in fields.items()} for _, fields in rows]

    async def backlog(self) -> int:
        return sum([await self.redis.xlen(stream) for stream in self.keys.inbound])

    async def emptied(self, seconds: float = 10.0) -> None:
        """Until nothing is on an inbound stream, nor read and unsettled. Both at one look: a sandbox may report between
        two of them."""
        async with asyncio.timeout(seconds):
            while await self.backlog() or await self._unsettled():  # noqa: ASYNC110 - another process empties it
                await asyncio.sleep(0.02)

    async def _unsettled(self) -> int:
        try:
            found = [await self.redis.xpending(stream, GROUP) for stream in self.keys.inbound]
        except redis.ResponseError:  # a worker has not made its groups yet
            return 1
        return sum(row["pending"] for row in found)

    # Who does the work.

    @asynccontextmanager
    async def worker(self, *roles: str, clock: Path | None = None) -> AsyncIterator["WorkerProcess"]:
        """A worker process that has taken its seat; killed at the end if it still lives. `clock` is a file that shows
        its time (`tests.stories.clocked`)."""
        before = await self._seats()
        process = await start_worker(self.config_file, roles or ("worker",), clock)
        try:
            async with asyncio.timeout(15):
                while await self._seats() <= before:  # noqa: ASYNC110 - what another process does
                    await asyncio.sleep(0.02)
            yield process
        finally:
            await process.kill()

    async def _seats(self) -> set[bytes | None]:
        keys = [key async for key in self.redis.scan_iter(f"{self.prefix}:worker:*", count=5000)]
        return set(await self.redis.mget(keys)) if keys else set()

    @asynccontextmanager
    async def workers(self, count: int, clock: Path | None = None) -> AsyncIterator[list["WorkerProcess"]]:
        async with contextlib.AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.worker(clock=clock)) for _ in range(count)]

    @asynccontextmanager
    async def inside(self, clock: Clock | None = None) -> AsyncIterator[Plant]:
        """A worker within this process, so that a story can drive its clock; drained at the end."""
        config, metrics, stop = self.config(), Metrics(), asyncio.Event()
        self.clock = clock or self.clock
        async with plant(config, self.url, read_words(config), metrics, self.clock) as running:
            task = asyncio.create_task(run_plant(running, config, self.clock, metrics, stop))
            try:
                yield running
            finally:
                stop.set()
                async with asyncio.timeout(15):
                    await task


class WorkerProcess:
    """One `gateway` worker as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, noise: Path) -> None:
        self.process, self.noise = process, noise

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self, seconds: float = 15.0) -> int:
        """SIGTERM, and its exit status; what takes longer than the contract allows is a failure."""
        self.process.terminate()
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def kill(self) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.kill()
            await self.process.wait()


_started = 0


async def start_worker(config: Path, roles: Sequence[str], clock: Path | None = None) -> WorkerProcess:
    global _started
    chosen = [word for role in roles for word in ("--role", role)]
    command: list[Any] = [Path(sys.executable).with_name("gateway"), "run", "--config", config, *chosen]
    if clock is not None:
        command = [sys.executable, "-m", "tests.stories.clocked", config, clock]
    _started += 1
    noise = config.parent / f"worker-{_started}.log"
    with noise.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    return WorkerProcess(process, noise)


class ShiftedClock:
    """The real clock, some time away from here: it goes on by itself."""

    def __init__(self, shift_ms: int = 0) -> None:
        self._real = SystemClock()
        self.shift = shift_ms

    @classmethod
    def at(cls, instant: int) -> "ShiftedClock":
        return cls(instant - SystemClock().now())

    def now(self) -> int:
        return self._real.now() + self.shift


def next_day_at(hour: int, minute: int, second: int) -> int:
    """That time tomorrow, in UTC."""
    today = SystemClock().now() // DAY * DAY
    return today + DAY + ((hour * 60 + minute) * 60 + second) * 1000


def twice(names: Iterable[str]) -> dict[str, int]:
    """What stands there more than once."""
    return {name: count for name, count in Counter(names).items() if count > 1}
