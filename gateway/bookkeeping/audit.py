"""Whether what is read off the chain says what the chain says: a table that was edited by hand is found out."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.bookkeeping.keeper import Books
from gateway.bookkeeping.standing import DAY_MS, status_of
from gateway.ledger.tables import entries, jobs, tallies
from gateway.ledger.verify import Finding

PAGE = 2_000
MOST = 100
"""findings that are told"""

_body: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class _Seen(Struct):
    """A job as its entries tell it so far."""

    status: str
    ended: bool
    seq: int


async def audit(books: Books) -> list[Finding]:
    """Compares every job, and the sums over them, with the entries. Raises SQLAlchemyError."""
    found: list[Finding] = []
    async with books.ledger.read() as connection:
        async for job, seen, told in _side_by_side(connection):
            if told is None:
                found.append(Finding(seen.seq, f"job {job} stands in the chain and not among the jobs"))
            elif seen.seq == 0:
                found.append(Finding(0, f"job {job} stands among the jobs and not in the chain"))
            elif (told.status, bool(told.ended)) != (seen.status, seen.ended):
                found.append(Finding(seen.seq, f"job {job} is {told.status}, and the chain says {seen.status}"))
            if len(found) == MOST:
                return found
        found += await _sums(connection)
    return found


async def _side_by_side(connection: AsyncConnection) -> AsyncIterator[tuple[str, _Seen, Any]]:
    """Every job that either of both names: what its entries come to, and its row."""
    told = _pages(connection, select(jobs.c.job, jobs.c.status, jobs.c.ended), jobs.c.job)
    row = await anext(told, None)
    async for job, seen in _jobs_of_chain(connection):
        while row is not None and row.job < job:
            yield row.job, _Seen("", False, 0), row
            row = await anext(told, None)
        if row is not None and row.job == job:
            yield job, seen, row
            row = await anext(told, None)
        else:
            yield job, seen, None
    while row is not None:
        yield row.job, _Seen("", False, 0), row
        row = await anext(told, None)


async def _jobs_of_chain(connection: AsyncConnection) -> AsyncIterator[tuple[str, _Seen]]:
    chosen = select(entries.c.job, entries.c.seq, entries.c.body).where(entries.c.kind == "job")
    job, seen = "", _Seen("", False, 0)
    async for row in _pages(connection, chosen, entries.c.job, entries.c.seq):
        if row.job != job:
            if job:
                yield job, seen
            job, seen = row.job, _Seen("", False, 0)
        body = _body.decode(row.body)
        states = {track["state"] for track in body["tracks"]}
        before = seen.status if seen.ended else None
        seen.status, seen.ended = status_of(states, body.get("receipts", ()), before)
        seen.seq = row.seq
    if job:
        yield job, seen


async def _sums(connection: AsyncConnection) -> list[Finding]:
    """The books, counted anew."""
    day = (jobs.c.accepted - jobs.c.accepted % DAY_MS) / DAY_MS
    columns = jobs.c.tenant, day, jobs.c.channel, jobs.c.status, jobs.c.reason
    counted = select(*columns, func.count()).group_by(*columns)
    kept = select(*(tallies.c[name] for name in ("tenant", "day", "channel", "status", "reason", "n")))
    own = {tuple(row)[:5]: row[5] for row in await connection.execute(kept) if row[5]}
    right = {(row[0], int(row[1]), *row[2:5]): row[5] for row in await connection.execute(counted)}
    wrong = [key for key in own.keys() | right.keys() if own.get(key, 0) != right.get(key, 0)]
    return [
        Finding(0, f"the books say {own.get(key, 0)} for {key}, and there are {right.get(key, 0)}") for key in wrong
    ]  # fmt: skip


async def _pages(connection: AsyncConnection, chosen: Select[Any], *order: Any) -> AsyncIterator[Any]:
    """Rows in the order of one or two columns, without all of them in memory."""
    last: tuple[Any, ...] | None = None
    while True:
        page = chosen.order_by(*order).limit(PAGE)
        if last is not None:
            first = order[0]
            page = page.where(
                first > last[0] if len(order) == 1 else (first > last[0]) | ((first == last[0]) & (order[1] > last[1]))
            )
        rows = list(await connection.execute(page))
        if not rows:
            return
        for row in rows:
            yield row
        last = tuple(getattr(rows[-1], column.name) for column in order)
