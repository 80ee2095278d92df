"""Takes the journal into the ledger: batch by batch, each in one transaction with the place that it was read up to.

Whatever ends this process, the next one goes on from that place: nothing is missing and nothing is there twice. The
line never waits for it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from msgspec import Struct
from sqlalchemy import bindparam, delete, func, select, update

from gateway.bookkeeping.rows import Rows, job_name
from gateway.bookkeeping.tell import Told, tell
from gateway.domain.clock import Clock
from gateway.ledger.chain import Draft, Entry, canonical
from gateway.ledger.database import Database
from gateway.ledger.keyring import Keyring
from gateway.ledger.subjects import Name, Subject, Subjects
from gateway.ledger.tables import acts, facts, jobs, kept, messages
from gateway.ledger.writer import Head, Row, Writing, writing
from gateway.store.journal import Written, place, steps
from gateway.store.keys import Keys

_AT_ONCE = 400

log = structlog.get_logger("gateway.bookkeeping")


class Books:
    """The two databases of the ledger, and the keys of the house."""

    def __init__(self, ledger: Database, keyring: Keyring, subjects: Subjects, keys: Keys) -> None:
        self.ledger, self.keyring, self.subjects, self.keys = ledger, keyring, subjects, keys
        self._opening, self._open = asyncio.Lock(), False

    async def open(self) -> None:
        """Brings both databases up to this release, once. Raises SQLAlchemyError where one cannot be had."""
        async with self._opening:  # Alembic knows one migration at a time in a process
            if not self._open:
                await self.subjects.database.migrate()
                await self.ledger.migrate()
                self._open = True

    async def close(self) -> None:
        await self.ledger.close()
        await self.subjects.database.close()


class Taken(Struct, frozen=True):
    """What a transaction wrote: the entries, and the place in the journal, None where it stood still."""

    entries: list[Entry]
    journal: str | None


async def take_in(books: Books, batches: Sequence[Written], clock: Clock, *, lost: bool = False) -> Taken:
    """Writes batches of the journal, and what people did meanwhile, to the ledger; durable on return. Batches that are
    there already are left out. `lost`: they are what was recalled of a store that was lost."""
    told = [(batch.id, one) for batch in batches for one in _told(batch, books.keys)]
    subjects = await books.subjects.all_of([name for _, one in told for name in one.names], clock.now())
    async with books.ledger.write() as connection:
        out = writing(books.ledger, connection, books.keys.prefix)
        at = await out.position()
        if at is None or at.shut != lost:
            return Taken([], None)
        fresh = [one for id_, one in told if place(id_) > place(at.journal)]
        entries = await _write(out, fresh, subjects, books)
        last = batches[-1].id if batches and place(batches[-1].id) > place(at.journal) else None
        if last is not None:
            await out.move(last, clock.now())
    return Taken(entries, last)


async def _write(
    out: Writing, told: Sequence[Told], subjects: dict[Name, Subject], books: Books
) -> list[Entry]:  # fmt: skip
    head = await out.head()
    before = await _jobs(out, {job_name(subjects, one) for one in told if one.job is not None})
    rows = Rows(keyring=books.keyring, prefix=books.keys.prefix, subjects=subjects, before=before, seq=head.seq)
    for one in told:
        rows.take(one)
    done = await _acts(out)
    batch = rows.batch()
    drafts = [*batch.drafts, *(_draft(row) for row in done)]
    if not drafts:
        return []
    entries = await out.append(drafts, head, books.keyring)
    await _changed(out, rows)
    await out.put(*batch.upserts)
    await _known(out, rows)
    await _number(out, done, Head(head.seq + len(batch.drafts), b""))
    if any(act.what == "erase" for act in done):
        books.subjects.forget()  # their keys are gone, and must not be used from memory
    return entries


def _told(batch: Written, keys: Keys) -> list[Told]:
    """The steps of a batch. What cannot be read is a mistake of ours, and must neither stop the books nor be hidden:
    it is written down as what it is."""
    at = place(batch.id)[0]
    try:
        return [told for step in steps(batch) if (told := tell(step, at, keys)) is not None]
    except (ValueError, KeyError, IndexError, TypeError) as error:  # msgspec's errors are ValueErrors
        log.error("journal_unreadable", error=type(error).__name__)
        return [Told(at=at, kind="change")]


async def _jobs(out: Writing, wanted: set[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    names = sorted(wanted)
    for start in range(0, len(names), _AT_ONCE):
        chosen = select(jobs).where(jobs.c.job.in_(names[start : start + _AT_ONCE]))
        found |= {row["job"]: dict(row) for row in (await out.connection.execute(chosen)).mappings()}
    return found


async def _changed(out: Writing, rows: Rows) -> None:
    """Fields that left a file, and documents of the house that are no more."""
    own = facts.c.subject == bindparam("b_subject"), facts.c.name == bindparam("b_name")
    await _many(out, update(facts).where(*own).values(gone=bindparam("b_gone")), list(rows.dropped.values()))
    ours = kept.c.place == bindparam("b_place"), kept.c.name == bindparam("b_name")
    await _many(out, delete(kept).where(*ours), list(rows.unkept.values()))


async def _known(out: Writing, rows: Rows) -> None:
    """What became of messages that were claimed before."""
    told = update(messages).where(messages.c.reference == bindparam("b_reference"))
    told = told.values(
        state=bindparam("b_state"),
        message_id=func.coalesce(bindparam("b_message_id"), messages.c.message_id),
        code=func.coalesce(bindparam("b_code"), messages.c.code),
    )
    await _many(out, told, list(rows.known.values()))


async def _acts(out: Writing) -> list[Any]:
    """What people did and the chain does not hold yet."""
    chosen = select(acts).where(acts.c.seq.is_(None)).order_by(acts.c.id).limit(_AT_ONCE)
    return list(await out.connection.execute(chosen))


def _draft(act: Any) -> Draft:
    body = canonical({"who": act.who, "what": act.what, "act": act.id, "said": act.body})
    return Draft(at=act.at, kind="act", tenant=act.tenant, subject=act.subject, job=act.job, body=body)


async def _number(out: Writing, done: Sequence[Any], before: Head) -> None:
    rows = [{"b_id": act.id, "b_seq": before.seq + index} for index, act in enumerate(done, 1)]
    await _many(out, update(acts).where(acts.c.id == bindparam("b_id")).values(seq=bindparam("b_seq")), rows)


async def _many(out: Writing, statement: Any, rows: list[Row]) -> None:
    if rows:
        await out.connection.execute(statement, rows)
