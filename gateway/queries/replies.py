"""What people wrote back: who, when, and what was made of it; the words only for whoever says why they read."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import format_instant
from gateway.domain.replies import Meaning, meaning
from gateway.ledger.keyring import Sealer
from gateway.ledger.tables import acts, entries, jobs
from gateway.queries.cursor import Number, read_cursor, write_cursor
from gateway.queries.search import member_of

SETTLED = "settle_reply"
PAGE, MOST_PAGES = 200, 10
"""So many replies at once, and so often, are looked through for those that wait; further ones when asked on."""
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Settled(Struct, frozen=True, kw_only=True):
    """Who looked after a reply, when, and what they say they did."""

    by: str
    at: str
    why: str


class ReplyRow(Struct, frozen=True, kw_only=True):
    """One reply, by its entry in the chain. `meaning` is what the machine made of it: `stop` (it is in force), `opt_in`
    or `unclear`; names are null where nobody was written to at the address. `settled` is null while it waits for a
    person."""

    seq: int
    at: str
    tenant: str
    recipient_id: str | None
    channel: str
    provider: str
    meaning: Meaning
    settled: Settled | None


class Replies(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one. Replies of people who were erased are left
    out."""

    replies: list[ReplyRow]
    next: str | None


class Words(Struct, frozen=True, kw_only=True):
    """What somebody wrote, and from where."""

    sender: str
    text: str


async def replies(
    books: Books, tenants: frozenset[str] | None, waiting: bool, cursor: str | None, most: int
) -> Replies:  # fmt: skip
    """A page of the replies of people of these tenants (None: of all, also of nobody's), the newest first; with
    `waiting` only of those that are no stop and that nobody looked after. What a reply means is sealed with
    its words, so they are looked through: a page may be short although there is a next one. Raises BadCursor,
    SQLAlchemyError, KeyringError."""
    before = None if cursor is None else read_cursor(cursor, Number)
    found: list[ReplyRow] = []
    for _ in range(MOST_PAGES):
        rows, before = await _some(books, tenants, before, PAGE if waiting else most)
        for one in rows:
            if waiting and (one.meaning == "stop" or one.settled is not None):
                continue
            if len(found) == most:
                return Replies(replies=found, next=write_cursor(found[-1].seq))
            found.append(one)
        if before is None or not waiting:
            break
    return Replies(replies=found, next=None if before is None else write_cursor(before))


async def _some(
    books: Books, tenants: frozenset[str] | None, before: int | None, most: int
) -> tuple[list[ReplyRow], int | None]:  # fmt: skip
    """Replies before an entry, and the last entry looked at where there are more."""
    wanted: list[ColumnElement[bool]] = [entries.c.kind == "reply"]
    if tenants is not None:
        wanted.append(entries.c.tenant.in_(sorted(tenants)))
    if before is not None:
        wanted.append(entries.c.seq < before)
    async with books.ledger.read() as connection:
        chosen = select(entries).where(*wanted).order_by(entries.c.seq.desc()).limit(most + 1)
        rows = list(await connection.execute(chosen))
        own = {row.subject for row in rows[:most] if row.subject}
        named = {
            subject: (await connection.execute(select(jobs).where(jobs.c.subject == subject).limit(1))).first()
            for subject in own
        }
        done = select(acts).where(acts.c.what == SETTLED, acts.c.subject.in_([*own, ""]))
        settled = _settled(list(await connection.execute(done)))
    sealers = {"": books.keyring.house, **await books.subjects.sealers(own)}
    found = [_row(row, sealers.get(row.subject), named.get(row.subject), settled.get(row.seq)) for row in rows[:most]]
    return [one for one in found if one is not None], rows[most - 1].seq if len(rows) > most else None


def _settled(rows: Sequence[Any]) -> dict[int, Settled]:
    found = {}
    for row in rows:
        body = _any.decode(row.body)
        found[body["reply"]] = Settled(by=row.who, at=format_instant(row.at), why=body["why"])
    return found


def _row(row: Any, sealer: Sealer | None, job: Any, settled: Settled | None) -> ReplyRow | None:
    said = _said(row, sealer)
    if said is None:
        return None
    member = None if job is None else member_of(job, sealer)
    return ReplyRow(
        seq=row.seq, at=format_instant(row.at), tenant=row.tenant, recipient_id=member.recipient if member else None,
        channel=said["channel"], provider=said["provider"], settled=settled,
        meaning="stop" if said.get("opted_out") else meaning(said["text"]),
    )  # fmt: skip


def _said(row: Any, sealer: Sealer | None) -> dict[str, Any] | None:
    """The reply as it came; None where its person was erased."""
    if row.sealed is None or sealer is None:
        return None
    secret = _any.decode(sealer.open(bytes(row.sealed), "entries", row.tenant, row.subject, str(row.seq)))
    said: dict[str, Any] = secret["reply"]
    return said


class Of(Struct, frozen=True):
    """Whose reply an entry is."""

    tenant: str
    subject: str
    words: Words


async def words_of(books: Books, seq: int, tenants: frozenset[str] | None) -> Of | None:
    """What stands in a reply, None where there is none of that number and these tenants. Raises SQLAlchemyError,
    KeyringError."""
    async with books.ledger.read() as connection:
        chosen = select(entries).where(entries.c.seq == seq, entries.c.kind == "reply")
        row = (await connection.execute(chosen)).first()
    if row is None or (tenants is not None and row.tenant not in tenants):
        return None
    sealers = {"": books.keyring.house, **await books.subjects.sealers([row.subject])}
    said = _said(row, sealers.get(row.subject))
    return None if said is None else Of(row.tenant, row.subject, Words(sender=said["sender"], text=said["text"]))
