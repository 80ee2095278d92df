"""Finds jobs by what is known of them: a name, a person, an account, an address, a state, a reason, a rule, a provider.

Lists go by the time of the last change, newest first, and on from a cursor that names the last one seen: what comes in
meanwhile moves nothing.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, select, tuple_

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant, format_instant
from gateway.ledger.keyring import Sealer
from gateway.ledger.tables import jobs, messages, tallies
from gateway.pipeline.files import digest
from gateway.queries.cursor import Name, Number, read_cursor, write_cursor
from gateway.store.keys import Member, parse_member

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Filter(Struct, frozen=True, kw_only=True):
    """All that are given must agree. Instants are RFC 3339 where they come by HTTP."""

    job_id: str | None = None
    recipient_id: str | None = None
    account: str | None = None
    address: str | None = None
    """a phone number, a mailbox, a push token"""
    provider_message_id: str | None = None
    status: str | None = None
    reason: str | None = None
    rule: str | None = None
    channel: str | None = None
    provider: str | None = None
    template: str | None = None
    jurisdiction: str | None = None


class JobRow(Struct, frozen=True, kw_only=True):
    """A job in a list. Its names are null once the person was erased."""

    job: str
    """its pseudonym, which stays"""
    id: str | None
    tenant: str
    recipient_id: str | None
    account: str | None
    status: str
    final: bool
    channel: str
    provider: str
    template: str
    jurisdiction: str
    reason: str
    rule: str
    policy: str
    until: str | None
    accepted_at: str
    updated_at: str


class Page(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one."""

    jobs: list[JobRow]
    next: str | None


async def search(
    books: Books, tenants: frozenset[str] | None, wanted: Filter, cursor: str | None, most: int
) -> Page:  # fmt: skip
    """A page of jobs of these tenants (None: of all). Raises BadCursor, SQLAlchemyError, KeyringError."""
    conditions = await _conditions(books, tenants, wanted)
    if cursor is not None:
        conditions.append(tuple_(jobs.c.updated, jobs.c.job) < tuple_(*read_cursor(cursor, tuple[Number, Name])))
    chosen: Select[Any] = select(jobs).where(*conditions)
    chosen = chosen.order_by(jobs.c.updated.desc(), jobs.c.job.desc()).limit(most + 1)
    async with books.ledger.read() as connection:
        rows = list(await connection.execute(chosen))
    sealers = await books.subjects.sealers(row.subject for row in rows[:most])
    following = write_cursor((rows[most - 1].updated, rows[most - 1].job)) if len(rows) > most else None
    return Page(jobs=[row_of(row, sealers.get(row.subject)) for row in rows[:most]], next=following)


async def _conditions(books: Books, tenants: frozenset[str] | None, wanted: Filter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [] if tenants is None else [jobs.c.tenant.in_(sorted(tenants))]
    for name in ("status", "reason", "rule", "channel", "provider", "template", "jurisdiction"):
        if (value := getattr(wanted, name)) is not None:
            found.append(jobs.c[name] == value)
    named = {"job": (wanted.job_id, jobs.c.name), "account": (wanted.account, jobs.c.account)}
    for kind, (value, column) in named.items():
        if value is not None:
            found.append(column.in_([books.keyring.blind(kind, own, value) for own in await _tenants(books, tenants)]))
    if wanted.recipient_id is not None:
        uids = [
            subject.uid
            for own in await _tenants(books, tenants)
            if (subject := await books.subjects.find("person", own, wanted.recipient_id)) is not None
        ]
        found.append(jobs.c.subject.in_(uids))
    if wanted.address is not None:
        sent = select(messages.c.job).where(
            messages.c.address == books.keyring.blind("address", digest(wanted.address))
        )
        found.append(jobs.c.job.in_(sent))
    if wanted.provider_message_id is not None:
        found.append(jobs.c.job.in_(select(messages.c.job).where(messages.c.message_id == wanted.provider_message_id)))
    return found


async def _tenants(books: Books, tenants: frozenset[str] | None) -> Sequence[str]:
    """Those that are meant, by name: a blind index finds a name only with its tenant."""
    if tenants is not None:
        return sorted(tenants)
    async with books.ledger.read() as connection:
        return list(await connection.scalars(select(tallies.c.tenant).distinct()))


def member_of(row: Any, sealer: Sealer | None) -> Member | None:
    """The names of a job's row, None once its person was erased."""
    if sealer is None or row.sealed is None:
        return None
    held = _any.decode(sealer.open(bytes(row.sealed), "jobs", row.subject, row.job))
    return parse_member(held["member"]) if held["member"] else None


def row_of(row: Any, sealer: Sealer | None) -> JobRow:
    """A job's row as it is shown."""
    member = member_of(row, sealer)
    return JobRow(
        job=row.job, id=member.job if member else None, tenant=row.tenant,
        recipient_id=member.recipient if member else None, account=member.account if member else None,
        status=row.status, final=bool(row.ended), channel=row.channel, provider=row.provider, template=row.template,
        jurisdiction=row.jurisdiction, reason=row.reason, rule=row.rule, policy=row.policy, until=_time(row.until),
        accepted_at=format_instant(row.accepted), updated_at=format_instant(row.updated),
    )  # fmt: skip


def _time(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
