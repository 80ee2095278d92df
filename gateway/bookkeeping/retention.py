"""Lets go of what was kept long enough: what entries sealed is taken out, and an entry of the chain says so.

Of people under a legal hold nothing is taken out.
"""

from collections.abc import Mapping

from sqlalchemy import select, update

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant
from gateway.ledger.chain import Draft, canonical
from gateway.ledger.tables import entries, jobs, subjects
from gateway.ledger.writer import writing


async def let_go(books: Books, most_ms: Mapping[str, int], now: Instant) -> int:
    """Takes out what is older than its kind is kept; how many entries. Raises SQLAlchemyError."""
    async with books.subjects.database.read() as connection:
        held = list(await connection.scalars(select(subjects.c.uid).where(subjects.c.held.is_not(None))))
    done = 0
    for kind, most in sorted(most_ms.items()):
        done += await _let_go(books, kind, now - most, held, now)
    return done


async def _let_go(books: Books, kind: str, before: Instant, held: list[str], now: Instant) -> int:
    async with books.ledger.write() as connection:
        out = writing(books.ledger, connection, books.keys.prefix)
        if await out.position() is None:
            return 0
        old = entries.c.kind == kind, entries.c.at < before, entries.c.sealed.is_not(None)
        mine = entries.c.subject.not_in(held)
        found = list(await connection.scalars(select(entries.c.seq).where(*old, mine)))
        if not found:
            return 0
        told = {"through": max(found), "kinds": [kind], "entries": len(found), "held": len(held)}
        draft = Draft(at=now, kind="retention", body=canonical(told))
        await out.append([draft], await out.head(), books.keyring)
        await connection.execute(update(entries).where(*old, mine).values(sealed=None))
        if kind == "job":
            gone = jobs.c.ended.is_(True), jobs.c.updated < before, jobs.c.subject.not_in(held)
            await connection.execute(update(jobs).where(*gone).values(sealed=None, name=None, account=None))
        return len(found)
