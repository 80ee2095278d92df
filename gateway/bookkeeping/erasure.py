"""Erases a person: the key that opens what is sealed, the names by which they are found, and what the store holds.

Refused while a legal hold is on the person, and until the evidence has been kept as long as it must be (12 CFR
1006.100: three years after the last collection activity on the debt). A refusal is written down like the erasure.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from sqlalchemy import func, select, update

from gateway.bookkeeping.acts import Act, write_down
from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant, format_instant
from gateway.domain.wire import glance
from gateway.ledger.subjects import Held
from gateway.ledger.tables import entries, jobs, messages
from gateway.store.deadletters import DeadLetters
from gateway.store.redis import Store
from gateway.store.streams import walk


class Refused(Struct, frozen=True):
    """Why somebody is not erased, as a sentence."""

    why: str


class Erased(Struct, frozen=True):
    """Who is gone, by the pseudonym that stays, and how many entries nobody can open any more."""

    uid: str
    entries: int


class Person(Struct, frozen=True, kw_only=True):
    """Whom it is about, who asked for it and why."""

    tenant: str
    recipient: str
    who: str
    why: str


async def erase(
    books: Books, store: Store, person: Person, least_ms: Mapping[str, int], now: Instant
) -> Erased | Refused:  # fmt: skip
    """Erases somebody, for good; `least_ms` is by kind how long entries are kept at least. Raises SQLAlchemyError,
    StoreError: then it may be begun again."""
    subject = await books.subjects.find("person", person.tenant, person.recipient)
    if subject is None:
        return Refused("nobody of that name is known, or they were erased before")
    async with books.ledger.read() as connection:
        own = entries.c.subject == subject.uid
        lasts = select(entries.c.kind, func.max(entries.c.at)).where(own).group_by(entries.c.kind)
        kept = [at + least_ms.get(kind, 0) for kind, at in await connection.execute(lasts)]
        count = int(await connection.scalar(select(func.count()).select_from(entries).where(own)) or 0)
    if kept and max(kept) > now:
        why = f"the evidence must be kept until {format_instant(max(kept))}"
        return await _refused(books, person, subject.uid, why, now)
    if (reason := await books.subjects.held(subject.uid)) is not None:
        return await _refused(books, person, subject.uid, f"a legal hold is on the person: {reason}", now)
    await _write(books, person, "erase", subject.uid, {"entries": count}, now)
    await _forget(store, person)
    try:
        await books.subjects.destroy(subject.uid, now)
    except Held as held:
        return await _refused(books, person, subject.uid, f"a legal hold is on the person: {held}", now)
    async with books.ledger.write() as connection:
        names = update(jobs).where(jobs.c.subject == subject.uid).values(name=None, account=None)
        await connection.execute(names)
        await connection.execute(update(messages).where(messages.c.subject == subject.uid).values(address=None))
    return Erased(subject.uid, count)


async def hold(books: Books, person: Person, on: bool, now: Instant) -> bool:
    """Puts a legal hold on somebody or lifts it; False if nobody of that name is known. Raises SQLAlchemyError."""
    subject = await books.subjects.find("person", person.tenant, person.recipient)
    if subject is None:
        return False
    await _write(books, person, "hold" if on else "release", subject.uid, {}, now)
    await books.subjects.hold(subject.uid, person.why if on else None)
    return True


async def _refused(books: Books, person: Person, uid: str, why: str, now: Instant) -> Refused:
    await _write(books, person, "erase_refused", uid, {"because": why}, now)
    return Refused(why)


async def _write(books: Books, person: Person, what: str, uid: str, figures: dict[str, Any], now: Instant) -> None:
    act = Act(who=person.who, what=what, why=person.why, tenant=person.tenant, subject=uid, figures=figures)
    await write_down(books, act, now)


async def _forget(store: Store, person: Person) -> None:
    """What the store holds of somebody: file, records, what waits, call tasks, replies, dead letters. Receipts, which
    hold no more than names that the producer gave, go by themselves after their horizon."""
    keys, who = store.keys, (person.tenant, person.recipient)
    await store.redis.delete(keys.person(*who))
    pattern = keys.job(_glob(person.tenant), _glob(person.recipient), "*")
    async for key in store.redis.scan_iter(pattern, count=5000):
        await store.redis.delete(key)
    for stream, field in ((keys.calls, b"call"), (keys.replies, b"reply")):
        async for entry_id, fields in walk(store.redis, stream):
            if _whose(fields.get(field, b"")) == who:
                await store.redis.xdel(stream, entry_id)
    letters = DeadLetters(store.redis, keys)
    async for letter in letters.all():
        if any(_whose(value.encode()) == who for value in letter.fields.values() if isinstance(value, str)):
            await letters.drop(letter)


def _whose(document: bytes) -> tuple[str, str | None]:
    """Tenant and id of the person that a document is about, be it a job, a fact, an order, a task or a reply."""
    seen = glance(document)
    recipient = seen.get("recipient")
    own = recipient.get("id") if isinstance(recipient, dict) else seen.get("recipient_id")
    return seen.get("tenant") or "default", own


def _glob(name: str) -> str:
    """A name as a pattern that means only itself."""
    return "".join(f"\\{c}" if c in "*?[]\\^" else c for c in name)
