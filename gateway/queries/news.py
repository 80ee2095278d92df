"""What is new in the chain, for those who watch: entries after a number, in which no person can be found."""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import func, select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import format_instant
from gateway.ledger.tables import entries

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class News(Struct, frozen=True, kw_only=True):
    """One entry of the chain as it is watched. `state` is that of a job's first track, null for other kinds."""

    seq: int
    at: str
    kind: str
    tenant: str
    job: str
    state: str | None
    channel: str | None
    provider: str | None
    code: str | None
    rule: str | None


async def news(books: Books, after: int, tenants: frozenset[str] | None, most: int) -> tuple[list[News], int]:
    """The entries of these tenants (None: of all) after a number, and the number to go on from. Raises
    SQLAlchemyError."""
    columns = entries.c.seq, entries.c.at, entries.c.kind, entries.c.tenant, entries.c.job, entries.c.body
    chosen = select(*columns).where(entries.c.seq > after).order_by(entries.c.seq).limit(most)
    async with books.ledger.read() as connection:
        rows = list(await connection.execute(chosen))
    found = [_news(row) for row in rows if tenants is None or row.tenant in tenants]
    return found, rows[-1].seq if rows else after


async def newest(books: Books) -> int:
    """The number of the last entry. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        return int(await connection.scalar(select(func.max(entries.c.seq))) or 0)


def _news(row: Any) -> News:
    body = _any.decode(row.body)
    track: dict[str, Any] = next(iter(body.get("tracks", ())), {})
    attempt: dict[str, Any] = track.get("attempt", {})
    receipt: dict[str, Any] = next(reversed(body.get("receipts", ())), {})
    return News(
        seq=row.seq, at=format_instant(row.at), kind=row.kind, tenant=row.tenant, job=row.job, state=track.get("state"),
        channel=attempt.get("channel") or receipt.get("channel"), provider=attempt.get("provider"),
        code=receipt.get("code"), rule=receipt.get("rule"),
    )  # fmt: skip
