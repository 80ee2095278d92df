"""Writes to the ledger: entries at the end of the chain, and the rows that are read off them, in one transaction.

One writer at a time: the row of the position is locked first, so that numbers are without a gap and nothing forks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Table, case, insert, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ledger.chain import GENESIS, Draft, Entry, link
from gateway.ledger.database import Database
from gateway.ledger.keyring import Keyring
from gateway.ledger.signing import sign_head
from gateway.ledger.tables import entries, position, signed

Row = dict[str, Any]
_PORTION = 500
"""rows of one statement; PostgreSQL takes 32,767 parameters"""


class Position(Struct, frozen=True):
    """How far the ledger is: the epoch of the store that it follows, the last entry of its journal, and the gate."""

    epoch: str
    journal: str
    shut: bool


class Head(Struct, frozen=True):
    """The end of the chain."""

    seq: int
    hash: bytes


class Upsert(Struct, frozen=True):
    """Rows of one table that replace those of the same key. `add`: columns that are added up instead; `keep`: columns
    that stay as they were first written; `least`: columns that only grow, null being the most."""

    table: Table
    rows: list[Row]
    add: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    least: tuple[str, ...] = ()


class Writing:
    """One transaction on the ledger. Everything is written or nothing."""

    def __init__(self, connection: AsyncConnection, sqlite_: bool, prefix: str) -> None:
        self.connection, self.prefix = connection, prefix
        self._own = position.c.prefix == prefix
        self._insert: Any = sqlite.insert if sqlite_ else postgresql.insert

    async def position(self) -> Position | None:
        """Locks the ledger for this transaction; None where no store under this prefix was ever followed."""
        wanted = select(position).order_by(position.c.prefix).with_for_update()
        for row in await self.connection.execute(wanted):
            if row.prefix == self.prefix:
                return Position(row.epoch, row.journal, row.shut)
        return None

    async def begin(self, epoch: str, at: int) -> None:
        """The first write to a ledger, or to one whose store was rebuilt."""
        row = {"prefix": self.prefix, "epoch": epoch, "journal": "0-0", "at": at, "shut": False}
        await self.put(Upsert(position, [row]))

    async def move(self, journal: str, at: int) -> None:
        await self.connection.execute(update(position).where(self._own).values(journal=journal, at=at))

    async def shut(self, shut: bool) -> None:
        await self.connection.execute(update(position).where(self._own).values(shut=shut))

    async def head(self) -> Head:
        """The end of the chain as this transaction sees it."""
        row = (
            await self.connection.execute(
                select(entries.c.seq, entries.c.hash).order_by(entries.c.seq.desc()).limit(1)
            )
        ).first()  # fmt: skip
        return Head(0, GENESIS) if row is None else Head(row.seq, bytes(row.hash))

    async def append(self, drafts: Sequence[Draft], head: Head, keyring: Keyring) -> list[Entry]:
        """The drafts as the entries after `head`, and the new end signed."""
        linked = link(drafts, head.seq, head.hash)
        rows = [{name: getattr(entry, name) for name in Entry.__struct_fields__} for entry in linked]
        await self._portions(insert(entries), rows)
        if linked:
            end = sign_head(keyring, linked[-1].at, linked[-1].seq, linked[-1].hash)
            await self.put(Upsert(signed, [{"id": 1, "head": end}]))
        return linked

    async def put(self, *upserts: Upsert) -> None:
        for upsert in upserts:
            if upsert.rows:
                await self._portions(self._upsert(upsert), upsert.rows)

    def _upsert(self, upsert: Upsert) -> Any:
        table = upsert.table
        made = self._insert(table)
        own = [column.name for column in table.primary_key]
        changed = {
            name: _merged(name, table, made, upsert)
            for name in upsert.rows[0]
            if name not in own and name not in upsert.keep
        }
        if not changed:
            return made.on_conflict_do_nothing(index_elements=own)
        return made.on_conflict_do_update(index_elements=own, set_=changed)

    async def _portions(self, statement: Any, rows: list[Row]) -> None:
        for start in range(0, len(rows), _PORTION):
            await self.connection.execute(statement, rows[start : start + _PORTION])


def _merged(name: str, table: Table, made: Any, upsert: Upsert) -> Any:
    """What a column becomes where the key is there already."""
    before, now = table.c[name], made.excluded[name]
    if name in upsert.add:
        return before + now
    if name in upsert.least:
        return case((before.is_(None), null()), (now > before, now), else_=before)
    return now


class Batch(Struct, kw_only=True):
    """What is written together: drafts of entries, and by table the rows that are read off them."""

    drafts: list[Draft] = field(default_factory=list)
    upserts: list[Upsert] = field(default_factory=list)


def writing(database: Database, connection: AsyncConnection, prefix: str) -> Writing:
    """A transaction of `database` that follows the store under a prefix."""
    return Writing(connection, database.sqlite, prefix)


def merged(rows: Sequence[Row], key: Sequence[str]) -> list[Row]:
    """Rows in which each key is there once, as it was last: PostgreSQL refuses a statement that names one twice."""
    last: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        last[tuple(row[name] for name in key)] = row
    return list(last.values())


def added(rows: Sequence[Mapping[str, Any]], key: Sequence[str], amount: str) -> list[Row]:
    """Rows in which each key is there once, with the sum of the amounts; without those that come to nothing."""
    sums: dict[tuple[Any, ...], int] = {}
    for row in rows:
        name = tuple(row[part] for part in key)
        sums[name] = sums.get(name, 0) + row[amount]
    return [{**dict(zip(key, name, strict=True)), amount: total} for name, total in sums.items() if total]
