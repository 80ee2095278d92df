"""Fills a ledger with jobs as they are lived, through the code that keeps the books, and asks what people ask of it.

`python -m benchmarks.big_ledger --jobs 1000000 --folder var/big` (kept for the next time); then p95 of each question.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.bookkeeping.keeper import Books, take_in
from gateway.config import shipped
from gateway.domain.clock import DAY, SystemClock, format_instant
from gateway.domain.job import Attempt, Job, Track
from gateway.domain.note import Note, Said, write_note
from gateway.domain.ruling import Candidate, Finding, Look, Weighed
from gateway.ledger.database import Database
from gateway.ledger.keyring import open_keyring
from gateway.ledger.subjects import Subjects
from gateway.ledger.writer import writing
from gateway.policy.facts import PastContact
from gateway.policy.folder import read_folder
from gateway.queries.calendar import calendar
from gateway.queries.overview import overview
from gateway.queries.providers import providers
from gateway.queries.search import Filter, search
from gateway.queries.trail import state_of, trail_of
from gateway.store.journal import Written
from gateway.store.keys import Keys

KEYS = Keys("gateway")
PEOPLE_PER_JOB = 3
BATCH = 50
DAYS = 30
ASKED = 40
"""times each question is asked"""
POLICY = "US@2026-11-24.1,house@2026-11-24.1"
_encode = msgspec.json.Encoder().encode


def lived(count: int, now: int, lots: random.Random) -> Iterator[list[tuple[Any, ...]]]:
    """The changes of each job: three of four are claimed and answered, one waits because of a rule."""
    for n in range(count):
        at = now - DAYS * DAY + int(DAYS * DAY * n / count)
        person = f"p{lots.randrange(max(1, count // PEOPLE_PER_JOB))}"
        yield waiting(n, person, at) if n % 4 == 0 else sent(n, person, at, delivered=n % 16 != 1)


def document(n: int, person: str) -> msgspec.Raw:
    return msgspec.Raw(_encode({
        "id": f"job-{n}", "template": "overdue_reminder", "channels": ["sms"], "account": f"card-{n % 5000}",
        "recipient": {"id": person, "phone": f"+1212{n % 10**7:07d}", "locale": "en", "jurisdiction": "US"},
        "params": {"name": "Alex Morgan", "amount_due": {"value": "1280.50", "currency": "USD"}, "days_overdue": 3},
    }))  # fmt: skip


def look(at: int, person: str, decision: Any, until: int | None, blocked: tuple[str, ...]) -> Look:
    candidate = Candidate(channel="sms", recipient=person, account="a", address=f"{hash(person) & 0xFFFFFFFF:020x}")
    weighed = Weighed(candidate=candidate, decision=decision, until=until, blocked_by=blocked)
    return Look(
        at=at, policy=POLICY, tzdata="2026f", zones=("America/New_York",), jurisdictions=("US",), weighed=[weighed]
    )  # fmt: skip


def receipt(n: int, person: str, number: int, status: str, at: int, reason: Any = None, **more: Any) -> str:
    told = {
        "id": f"job-{n}#{number}", "job_id": f"job-{n}", "tenant": "default", "recipient_id": person, "account": "a",
        "status": status, "final": status == "delivered", "channel": "sms", "provider": "twilio-main",
        "provider_message_id": f"SM{n:032x}", "at": format_instant(at), "attempt": 1, "reason": reason,
        "policy": POLICY, "template": "overdue_reminder", "template_version": "sha256:x", "locale": "en", "segments": 2,
        "metadata": {},
    }  # fmt: skip
    return _encode(told | more).decode()


def member(n: int, person: str) -> str:
    return "\x1f".join(("normal", "default", person, f"card-{n % 5000}", "", "sms", f"job-{n}"))


def waiting(n: int, person: str, at: int) -> list[tuple[Any, ...]]:
    until = at + 3_600_000
    track = Track(channels=["sms"], state="waiting", until=until, look=look(at, person, "defer", until, ("us.cap",)))
    job = Job(entry=f"e/{n}", accepted=at, tracks=[track], told=1, doc=document(n, person))
    finding = Finding(
        rule="us.cap", pack="US@2026-11-24.1", kind="cap", source="12 CFR 1006.14(b)(2)(i)", status="verified",
        force="statute", blocks=True, until=until, otherwise="defer", code="limit", figures={"count": 7, "max": 7},
    )  # fmt: skip
    reason = {
        "code": "limit",
        "message": "us.cap",
        "rule": "us.cap",
        "until": format_instant(until),
        "provider_code": None,
    }
    note = write_note(Note(member=member(n, person), findings={"sms": (finding,)}))
    said = receipt(n, person, 1, "deferred", at, reason, final=False, provider=None)
    return [change(n, person, job, note, said, schedule=(0, member(n, person), until))]


def sent(n: int, person: str, at: int, *, delivered: bool) -> list[tuple[Any, ...]]:
    attempt = Attempt(
        channel="sms", provider="twilio-main", reference=f"{n:032x}", at=at, owner="w", receipts=True, locale="en",
        template_version="sha256:x", policy=POLICY, segments=2, address=f"{hash(person) & 0xffffffff:020x}",
    )  # fmt: skip
    track = Track(
        channels=["sms"], state="open", attempts=1, tries=1, attempt=attempt, look=look(at, person, "allow", at, ())
    )
    job = Job(entry=f"e/{n}", accepted=at, tracks=[track], doc=document(n, person))
    text = (
        "Example Bank: Dear Alex Morgan, $1,280.50 was due on Nov 20, 2026. Call 800-555-0100. Reply STOP to opt out."
    )
    note = write_note(Note(member=member(n, person), said=Said(to=f"+1212{n % 10**7:07d}", text=text)))
    contact = PastContact(at=at, channel="sms", event="sent", recipient=person, account="a", address=attempt.address)
    claim = change(n, person, job, note, None, file=(f"c:{attempt.reference}", _encode(contact).decode()))
    attempt.message_id, track.state, job.told = f"SM{n:032x}", "ended" if delivered else "sent", 2 if delivered else 1
    settled = change(n, person, job, None, receipt(n, person, job.told, "delivered" if delivered else "sent", at + 900))
    return [claim, settled]


def change(
    n: int, person: str, job: Job, note: str | None, said: str | None, *, file: tuple[str, str] | None = None,
    schedule: Any = None,
) -> tuple[Any, ...]:  # fmt: skip
    """A change with names where the script has positions; `batches` puts these in."""
    record = (KEYS.job("default", person, f"job-{n}"), False, _encode(job).decode(), 40 * DAY)
    files = [(KEYS.person("default", person), 0, list(file), [], 70 * DAY)] if file else []
    outputs = [(KEYS.receipts, "receipt", said)] if said else []
    return record, files, outputs, schedule, None, None, [], None, note


def batches(count: int, now: int) -> Iterator[Written]:
    """The journal of so many jobs."""
    lots = random.Random(1)
    group: list[tuple[Any, ...]] = []
    number, at = 0, now - DAYS * DAY
    for steps in lived(count, now, lots):
        group += steps
        if len(group) >= BATCH:
            number += 1
            yield packed(f"{at + number * 2}-0", group)
            group = []
    if group:
        yield packed(f"{at + number * 2 + 2}-0", group)


def packed(id_: str, group: list[tuple[Any, ...]]) -> Written:
    keys: dict[str, int] = {}

    def place(key: str) -> int:
        return keys.setdefault(key, len(keys) + 1)

    changes = [
        ((place(record[0]), *record[1:]), [(place(f[0]), *f[1:]) for f in files],
         [(place(o[0]), *o[1:]) for o in outputs],
         *rest)
        for record, files, outputs, *rest in group
    ]  # fmt: skip
    return Written(id_, msgspec.msgpack.encode((None, changes, None)), tuple(keys), (1,) * len(changes))


async def fill(books: Books, count: int) -> None:
    clock, began, done = SystemClock(), time.perf_counter(), 0
    group: list[Written] = []
    for batch in batches(count, clock.now()):
        group.append(batch)
        if len(group) == 40:
            await take_in(books, group, clock)
            done, group = done + len(group), []
            if done % 2000 == 0:
                print(f"  {done * BATCH} steps, {done * BATCH / (time.perf_counter() - began):.0f}/s", flush=True)
    await take_in(books, group, clock)
    print(f"filled with {count} jobs in {time.perf_counter() - began:.0f} s")


async def ask(name: str, question: Callable[[random.Random], Awaitable[Any]]) -> None:
    lots, took = random.Random(3), []
    await question(lots)
    for _ in range(ASKED):
        began = time.perf_counter()
        await question(lots)
        took.append((time.perf_counter() - began) * 1000)
    print(f"{name:<28} p50 {statistics.median(took):7.1f} ms   p95 {statistics.quantiles(took, n=20)[-1]:7.1f} ms")


async def questions(books: Books, count: int) -> None:
    now = SystemClock().now()
    people = max(1, count // PEOPLE_PER_JOB)
    filters = (
        Filter(), Filter(status="waiting"), Filter(reason="limit", channel="sms"), Filter(status="delivered"),
        Filter(provider="twilio-main", template="overdue_reminder"), Filter(rule="us.cap"),
    )  # fmt: skip

    async def job(lots: random.Random) -> Any:
        return await search(books, None, Filter(job_id=f"job-{lots.randrange(count)}"), None, 50)

    async def timeline(lots: random.Random) -> Any:
        [found] = (await search(books, None, Filter(job_id=f"job-{lots.randrange(count)}"), None, 50)).jobs
        trail = await trail_of(books, "default", found.recipient_id or "", found.id or "")
        assert trail is not None
        return state_of(trail, "default", found.recipient_id or "", found.id or "")

    await ask("overview", lambda _: overview(books, None, now - DAY))
    await ask("search by filter", lambda lots: search(books, None, lots.choice(filters), None, 50))
    await ask("search by job id", job)
    await ask("timeline", timeline)
    await ask("overview of 30 days", lambda _: overview(books, None, now - DAYS * DAY))
    await ask("providers", lambda _: providers(books, None, now - DAY))
    policy = read_folder(shipped("config") / "policies").policy()

    async def month(lots: random.Random) -> Any:
        return await calendar(books, policy, "default", f"p{lots.randrange(people)}", now - DAYS * DAY, now, now)

    await ask("calendar", month)


async def main(count: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fresh = not (folder / "ledger.db").exists()
    keyring = open_keyring(folder / "keyring.json")
    subjects = Subjects(Database(f"sqlite:///{folder}/keys.db", "keys"), keyring)
    books = Books(Database(f"sqlite:///{folder}/ledger.db", "ledger"), keyring, subjects, KEYS)
    await books.open()
    if fresh:
        async with books.ledger.write() as connection:
            await writing(books.ledger, connection, KEYS.prefix).begin("e", 0)
        await fill(books, count)
    await questions(books, count)
    await books.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("var/big"))
    chosen = parser.parse_args()
    asyncio.run(main(chosen.jobs, chosen.folder))
