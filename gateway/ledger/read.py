"""Reads the chain: its hashes, its end, its entries in order."""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import func, select

from gateway.ledger.chain import Entry
from gateway.ledger.database import Database
from gateway.ledger.tables import entries

PAGE = 2_000


async def hashes(database: Database, first: int, last: int | None) -> list[bytes]:
    """The hashes of the entries from `first` to `last`, or to the end."""
    chosen = select(entries.c.hash).where(entries.c.seq >= first).order_by(entries.c.seq)
    if last is not None:
        chosen = chosen.where(entries.c.seq <= last)
    async with database.read() as connection:
        return [bytes(row.hash) for row in await connection.execute(chosen)]


async def last_seq(database: Database) -> int:
    """The number of the last entry, 0 where there is none."""
    async with database.read() as connection:
        return int(await connection.scalar(select(func.max(entries.c.seq))) or 0)


async def walk(database: Database, after: int = 0) -> AsyncIterator[list[Entry]]:
    """Every entry after a number, in pages, in order."""
    while True:
        chosen = select(entries).where(entries.c.seq > after).order_by(entries.c.seq).limit(PAGE)
        async with database.read() as connection:
            page = [_entry(row) for row in await connection.execute(chosen)]
        if not page:
            return
        yield page
        after = page[-1].seq


def _entry(row: Any) -> Entry:
    seq, at, kind, tenant, subject, job, body, sealed, seal, prev, own = row
    return Entry(
        seq=seq, at=at, kind=kind, tenant=tenant, subject=subject, job=job, body=body,
        sealed=None if sealed is None else bytes(sealed), seal=seal, prev=bytes(prev), hash=bytes(own),
    )  # fmt: skip
