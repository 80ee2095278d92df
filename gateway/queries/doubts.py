"""Sends of which nobody knows whether they left: where a person looks, for no machine may send them again."""

from msgspec import Struct
from sqlalchemy import ColumnElement, select, tuple_

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import format_instant
from gateway.ledger.tables import jobs, messages
from gateway.queries.cursor import Name, Number, read_cursor, write_cursor
from gateway.queries.search import member_of


class Doubt(Struct, frozen=True, kw_only=True):
    """One send in doubt. Names are null once the person was erased; `code` says why nobody knows; at `presumed_at` it
    is presumed to have been sent."""

    reference: str
    tenant: str
    recipient_id: str | None
    account: str | None
    id: str | None
    channel: str
    provider: str
    code: str | None
    at: str
    presumed_at: str


class Doubts(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one."""

    doubts: list[Doubt]
    next: str | None


async def doubts(
    books: Books, tenants: frozenset[str] | None, cursor: str | None, most: int, horizon_ms: int
) -> Doubts:  # fmt: skip
    """A page of the sends in doubt of these tenants (None: of all), the oldest first; after `horizon_ms` each is
    presumed. Raises BadCursor, SQLAlchemyError, KeyringError."""
    wanted: list[ColumnElement[bool]] = [messages.c.state == "in_doubt"]
    if tenants is not None:
        wanted.append(messages.c.tenant.in_(sorted(tenants)))
    if cursor is not None:
        wanted.append(tuple_(messages.c.at, messages.c.reference) > tuple_(*read_cursor(cursor, tuple[Number, Name])))
    chosen = select(messages, jobs.c.sealed).join(jobs, messages.c.job == jobs.c.job).where(*wanted)
    async with books.ledger.read() as connection:
        ordered = chosen.order_by(messages.c.at, messages.c.reference).limit(most + 1)
        rows = list(await connection.execute(ordered))
    sealers = await books.subjects.sealers(row.subject for row in rows[:most])
    found = []
    for row in rows[:most]:
        member = member_of(row, sealers.get(row.subject))
        found.append(
            Doubt(
                reference=row.reference, tenant=row.tenant, recipient_id=member.recipient if member else None,
                account=member.account if member else None, id=member.job if member else None, channel=row.channel,
                provider=row.provider, code=row.code, at=format_instant(row.at),
                presumed_at=format_instant(row.at + horizon_ms),
            )
        )  # fmt: skip
    following = write_cursor((rows[most - 1].at, rows[most - 1].reference)) if len(rows) > most else None
    return Doubts(doubts=found, next=following)


class Sent(Struct, frozen=True):
    """A send in doubt as it is settled: whose, at which provider, of which job (its pseudonym)."""

    tenant: str
    provider: str
    subject: str
    job: str


async def doubt_of(books: Books, reference: str) -> Sent | None:
    """The send of that reference while it is in doubt. Raises SQLAlchemyError."""
    columns = messages.c.tenant, messages.c.provider, messages.c.subject, messages.c.job
    chosen = select(*columns).where(messages.c.reference == reference, messages.c.state == "in_doubt")
    async with books.ledger.read() as connection:
        row = (await connection.execute(chosen)).first()
    return None if row is None else Sent(*row)
