"""How providers do: what they took, by its state; what they refused, in groups; how long they took to answer.

The figures go by the index `messages_state` alone, which holds all that they ask for: a month of a million messages is
counted without reading one of their rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import and_, func, select, true, tuple_
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

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Took(Struct, frozen=True, kw_only=True):
    """How long something took in ms: the middle one, and what so many of a hundred did not exceed, of so many."""

    p50_ms: int
    p95_ms: int
    p99_ms: int
    of: int


class ErrorGroup(Struct, frozen=True, kw_only=True):
    """Messages with the same state and the same code of the provider's own, null where it gave none. `tenant`,
    `recipient_id` and `id` name the job of the newest of them, null where the person was erased, and for who may not
    see people; `reason` is why that job stands where it stands, empty where it went on otherwise."""

    state: str
    code: str | None
    reason: str
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


class _Lot(Struct, frozen=True):
    """Messages with the same state at a provider, on a channel."""

    state: str
    provider: str
    channel: str


async def providers(
    books: Books, tenants: frozenset[str] | None, since: Instant, *, names: bool = True
) -> list[ProviderFigures]:  # fmt: skip
    """Without `names` no sample tells whose it is. Raises SQLAlchemyError, KeyringError."""
    own = and_(messages.c.at >= since, true() if tenants is None else messages.c.tenant.in_(sorted(tenants)))
    states: dict[tuple[str, str], dict[str, int]] = {}
    groups: dict[tuple[str, str], list[Any]] = {}
    async with books.ledger.read() as connection:
        for lot in await _lots(connection):
            n = await connection.scalar(select(func.count()).where(_of(lot), own))
            if n:
                name = lot.provider, lot.channel
                states.setdefault(name, {})[lot.state] = n
                groups.setdefault(name, []).extend(await _groups(connection, lot, own))
        times = {name: await _times(connection, *name, own) for name in states}
        samples = {name: await _samples(connection, groups[name], own) for name in states}
    shown = [row.subject for found in samples.values() for _, row in found] if names else []
    sealers = await books.subjects.sealers(shown)
    return [
        ProviderFigures(
            provider=provider, channel=channel, states=told, answer=times[provider, channel][0],
            report=times[provider, channel][1],
            errors=[_group(row, job, sealers.get(job.subject)) for row, job in samples[provider, channel]],
        )
        for (provider, channel), told in sorted(states.items())
    ]  # fmt: skip


def _of(lot: _Lot) -> Any:
    return and_(
        messages.c.state == lot.state, messages.c.provider == lot.provider, messages.c.channel == lot.channel
    )  # fmt: skip


async def _lots(connection: AsyncConnection) -> list[_Lot]:
    """What lots there are, each found from the one before: neither database skips through an index by itself."""
    by = messages.c.state, messages.c.provider, messages.c.channel
    following = select(*by).order_by(*by).limit(1)
    found: list[_Lot] = []
    while row := (await connection.execute(following)).first():
        found.append(_Lot(*row))
        following = select(*by).where(tuple_(*by) > tuple_(*row)).order_by(*by).limit(1)
    return found


async def _groups(connection: AsyncConnection, lot: _Lot, own: Any) -> Sequence[Any]:
    """What went wrong of a lot, by code."""
    if lot.state not in TROUBLED:
        return ()
    by = messages.c.state, messages.c.provider, messages.c.channel, messages.c.code
    spans = func.count().label("n"), func.min(messages.c.at).label("first"), func.max(messages.c.at).label("last")
    return (await connection.execute(select(*by, *spans).where(_of(lot), own).group_by(*by))).all()


async def _samples(connection: AsyncConnection, rows: Sequence[Any], own: Any) -> list[tuple[Any, Any]]:
    """The groups of what went wrong, the largest first, each with the newest of its jobs. The reason is that one's: to
    count them by reason, the job of every message would have to be read."""
    found = []
    columns = jobs.c.job, jobs.c.subject, jobs.c.sealed, jobs.c.tenant, jobs.c.reason
    for row in sorted(rows, key=lambda row: (-row.n, -row.last))[:MOST_GROUPS]:
        of = _of(_Lot(row.state, row.provider, row.channel))
        mine = and_(of, messages.c.at == row.last, messages.c.code.is_not_distinct_from(row.code))
        chosen = select(*columns).join(messages, messages.c.job == jobs.c.job).where(own, mine).limit(1)
        job = (await connection.execute(chosen)).first()
        if job is not None:
            found.append((row, job))
    return found


def _group(row: Any, job: Any, sealer: Any) -> ErrorGroup:
    member = member_of(job, sealer)
    return ErrorGroup(
        state=row.state, code=row.code, reason=job.reason, messages=row.n, first=format_instant(row.first),
        last=format_instant(row.last), tenant=job.tenant, recipient_id=member.recipient if member else None,
        id=member.job if member else None,
    )  # fmt: skip


async def _times(
    connection: AsyncConnection, provider: str, channel: str, own: Any
) -> tuple[Took | None, Took | None]:  # fmt: skip
    """Between the entry of a claim and those that tell more of the send: the store's clock stamped them all."""
    newest = (
        select(messages.c.reference, messages.c.job, messages.c.seq)
        .where(own, messages.c.provider == provider, messages.c.channel == channel)
        .order_by(messages.c.at.desc())
        .limit(NEWEST)
        .subquery()
    )
    trail = and_(entries.c.job == newest.c.job, entries.c.seq >= newest.c.seq)
    chosen = select(newest.c.reference, entries.c.at, entries.c.body).join(entries, trail)
    told: dict[str, list[Any]] = {}
    for row in await connection.execute(chosen.order_by(newest.c.reference, entries.c.seq)):
        told.setdefault(row.reference, []).append(row)
    answers, reports = [], []
    for reference, (claim, *later) in told.items():
        steps = [(row.at - claim.at, _any.decode(row.body)) for row in later]
        answers += [after for after in (answered_after(steps, reference),) if after is not None]
        reports += [after for after, body in steps if _reported(body, provider, channel)][:1]
    return _took(answers), _took(reports)


def answered_after(steps: Sequence[tuple[int, Any]], reference: str) -> int | None:
    """After how long a provider's answer to a send was known. A doubt is the lack of one, also where a report ends it;
    other tracks of the same job go on meanwhile and tell nothing of it."""
    for after, body in steps:
        for track in body.get("tracks", ()):
            if track.get("attempt", {}).get("reference") == reference and track["state"] != "open":
                return None if track["state"] == "in_doubt" else after
    return None


def _reported(body: Mapping[str, Any], provider: str, channel: str) -> bool:
    """Whether a step gives what the provider reported."""
    return any(
        one["status"] in REPORTED and (one["provider"], one["channel"]) == (provider, channel)
        for one in body.get("receipts", ())
    )


def _took(times: Sequence[int]) -> Took | None:
    if not times:
        return None
    ordered = sorted(max(0, time) for time in times)
    return Took(
        p50_ms=_rank(ordered, 50), p95_ms=_rank(ordered, 95), p99_ms=_rank(ordered, 99), of=len(ordered)
    )  # fmt: skip


def _rank(ordered: Sequence[int], percent: int) -> int:
    """The nearest rank: the smallest that so many of a hundred do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
