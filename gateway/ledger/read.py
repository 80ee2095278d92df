"""Reads the chain: its hashes, its end, its entries in order, and whether all of it is as it was written."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.chain import Entry
from gateway.ledger.database import Database
from gateway.ledger.signing import HEAD
from gateway.ledger.tables import entries, signed
from gateway.ledger.verify import Place, Report, begin

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


async def walk(connection: AsyncConnection) -> AsyncIterator[list[Entry]]:
    """Every entry in order, in pages, as one transaction sees them."""
    after = -1 << 62  # whatever somebody put there
    while True:
        chosen = select(entries).where(entries.c.seq > after).order_by(entries.c.seq).limit(PAGE)
        page = [_entry(row) for row in await connection.execute(chosen)]
        if not page:
            return
        yield page
        after = page[-1].seq


async def signed_head(connection: AsyncConnection) -> str | None:
    """The end of the chain as the database holds it, signed."""
    return await connection.scalar(select(signed.c.head))


def _entry(row: Any) -> Entry:
    seq, at, kind, tenant, subject, job, body, sealed, seal, prev, own = row
    return Entry(
        seq=seq, at=at, kind=kind, tenant=tenant, subject=subject, job=job, body=body,
        sealed=None if sealed is None else bytes(sealed), seal=seal, prev=bytes(prev), hash=bytes(own),
    )  # fmt: skip


async def check(database: Database, paths: Sequence[Path], public: bytes) -> Report:
    """Verifies the ledger in one look, while others may write to it. Raises SQLAlchemyError, OSError."""
    places = [_place(path) for path in paths]  # before the look: what is written down later is not missing in it
    async with database.read() as connection:
        places.append(Place(name="the ledger itself", lines=[], head=await signed_head(connection)))
        chain = begin(places, public)
        async for page in walk(connection):
            for entry in page:
                chain.follow(entry)
    return chain.end()


def _place(path: Path) -> Place:
    head = path.with_name(HEAD)
    return Place(
        name=str(path),
        lines=path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else [],
        head=head.read_text(encoding="utf-8") if head.exists() else None,
    )
