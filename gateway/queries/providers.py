"""How providers do: what they took, by its state; what they refused, in groups; how long they took to answer."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import Instant, format_instant
from gateway.ledger.tables import entries, jobs, messages
from gateway.queries.search import member_of

NEWEST = 1_000
"""messages of a provider whose times are looked at"""
MOST_GROUPS = 20
TROUBLED = ("taken_back", "undelivered", "in_doubt", "presumed_sent")
REPORTED = ("delivered", "undelivered")


class Took(Struct, frozen=True, kw_only=True):
    """How long something took in ms: the middle one, and the slowest of a hundred (`p99`), of so many."""

    p50_ms: int
    p99_ms: int
    of: int


class ErrorGroup(Struct, frozen=True, kw_only=True):
    """Messages with the same state and the same code of the provider's own. `tenant`, `recipient_id` and `id` name the
    newest of them; null where the person was erased."""

    state: str
    code: str
    messages: int
    first: str
    last: str
    tenant: str
    recipient_id: str | None
    id: str | None


class ProviderFigures(Struct, frozen=True, kw_only=True):
    """Messages claimed at a provider since a moment, by what is known of them. Times are of the newest of them, by the
    ledger's clock: from the claim until its outcome is written (`answer`), and until a report of delivery is
    (`report`); null where there are none."""

    provider: str
    channel: str
    states: dict[str, int]
    errors: list[ErrorGroup]
    answer: Took | None
    report: Took | None


async def providers(books: Books, tenants: frozenset[str] | None, since: Instant) -> list[ProviderFigures]:
    """Raises SQLAlchemyError, KeyringError."""
    own = true() if tenants is None else messages.c.tenant.in_(tenants)
    by = messages.c.provider, messages.c.channel, messages.c.state, messages.c.code
    spans = func.count().label("n"), func.min(messages.c.at).label("first"), func.max(messages.c.at).label("last")
    chosen = select(*by, *spans).where(own, messages.c.at >= since).group_by(*by)
    async with books.ledger.read() as connection:
        groups: dict[tuple[str, str], list[Any]] = {}
        for row in await connection.execute(chosen):
            groups.setdefault((row.provider, row.channel), []).append(row)
        times = {name: await _times(connection, *name, since, own) for name in groups}
        samples = {name: await _samples(connection, rows, own) for name, rows in groups.items()}
    sealers = await books.subjects.sealers(row.subject for found in samples.values() for _, row in found)
    return [
        ProviderFigures(
            provider=provider, channel=channel, states=_states(rows), answer=times[provider, channel][0],
            report=times[provider, channel][1],
            errors=[_group(row, job, sealers.get(job.subject)) for row, job in samples[provider, channel]],
        )
        for (provider, channel), rows in sorted(groups.items())
    ]  # fmt: skip


def _states(rows: Sequence[Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + row.n
    return found


async def _samples(connection: AsyncConnection, rows: Sequence[Any], own: Any) -> list[tuple[Any, Any]]:
    """The groups of what went wrong, the largest first, each with the newest of its jobs."""
    wrong = sorted((row for row in rows if row.state in TROUBLED and row.code), key=lambda row: -row.n)
    found = []
    for row in wrong[:MOST_GROUPS]:
        mine = and_(messages.c.provider == row.provider, messages.c.at == row.last, messages.c.code == row.code)
        columns = jobs.c.job, jobs.c.subject, jobs.c.sealed, jobs.c.tenant
        chosen = select(*columns).join(messages, messages.c.job == jobs.c.job).where(own, mine).limit(1)
        job = (await connection.execute(chosen)).first()
        if job is not None:
            found.append((row, job))
    return found


def _group(row: Any, job: Any, sealer: Any) -> ErrorGroup:
    member = member_of(job, sealer)
    return ErrorGroup(
        state=row.state, code=row.code, messages=row.n, first=format_instant(row.first), last=format_instant(row.last),
        tenant=job.tenant, recipient_id=member.recipient if member else None, id=member.job if member else None,
    )  # fmt: skip


async def _times(
    connection: AsyncConnection, provider: str, channel: str, since: Instant, own: Any
) -> tuple[Took | None, Took | None]:  # fmt: skip
    """The job's next entry after a claim tells its outcome, the one after that what was reported."""
    newest = (
        select(messages.c.reference, messages.c.job, messages.c.seq, messages.c.at, messages.c.state)
        .where(own, messages.c.provider == provider, messages.c.channel == channel, messages.c.at >= since)
        .order_by(messages.c.at.desc())
        .limit(NEWEST)
        .subquery()
    )
    later = and_(entries.c.job == newest.c.job, entries.c.seq > newest.c.seq)
    chosen = select(newest.c.reference, newest.c.at, newest.c.state, entries.c.at.label("then")).join(entries, later)
    told: dict[str, list[Any]] = {}
    for row in await connection.execute(chosen.order_by(newest.c.reference, entries.c.seq)):
        told.setdefault(row.reference, []).append(row)
    answers = [rows[0].then - rows[0].at for rows in told.values() if rows[0].state != "in_doubt"]
    reports = [rows[1].then - rows[0].at for rows in told.values() if len(rows) > 1 and rows[0].state in REPORTED]
    return _took(answers), _took(reports)


def _took(times: Sequence[int]) -> Took | None:
    if not times:
        return None
    ordered = sorted(max(0, time) for time in times)
    return Took(p50_ms=_rank(ordered, 50), p99_ms=_rank(ordered, 99), of=len(ordered))


def _rank(ordered: Sequence[int], percent: int) -> int:
    """The nearest rank: the smallest that so many of a hundred do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
