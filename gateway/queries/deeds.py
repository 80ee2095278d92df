"""What people did: who revealed, replayed, exported, held, erased, approved; the newest first."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import format_instant
from gateway.ledger.tables import acts
from gateway.queries.cursor import Number, read_cursor, write_cursor

_body = msgspec.json.Decoder(dict[str, Any])


class Deed(Struct, frozen=True, kw_only=True):
    """One act. `seq` is its entry in the chain, null until the ledger has taken it in; `tenant` is empty where it is of
    the whole house; `figures` hold no names of people whom the house writes to."""

    at: str
    who: str
    what: str
    why: str
    tenant: str
    figures: dict[str, Any]
    seq: int | None


class Deeds(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one."""

    acts: list[Deed]
    next: str | None


async def deeds(books: Books, tenants: frozenset[str] | None, cursor: str | None, most: int) -> Deeds:
    """A page of what was done about people of these tenants, None: of everything. Raises BadCursor, SQLAlchemyError."""
    wanted: list[ColumnElement[bool]] = [] if tenants is None else [acts.c.tenant.in_(sorted(tenants))]
    if cursor is not None:
        wanted.append(acts.c.id < read_cursor(cursor, Number))
    async with books.ledger.read() as connection:
        rows = list(await connection.execute(select(acts).where(*wanted).order_by(acts.c.id.desc()).limit(most + 1)))
    return Deeds(
        acts=[_deed(row) for row in rows[:most]], next=write_cursor(rows[most - 1].id) if len(rows) > most else None
    )


def _deed(row: Any) -> Deed:
    figures = _body.decode(row.body)
    return Deed(
        at=format_instant(row.at), who=row.who, what=row.what, why=figures.pop("why", ""), tenant=row.tenant,
        figures=figures, seq=row.seq,
    )  # fmt: skip
