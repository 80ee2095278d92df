"""The books at a glance: how many jobs were accepted, and where each of them stands, as the ledger has it."""

from msgspec import Struct
from sqlalchemy import func, select, true

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import DAY, Instant, format_instant
from gateway.ledger.tables import entries, jobs, messages, position, tallies


class Balance(Struct, frozen=True, kw_only=True):
    """Accepted is counted job by job, the standings are summed as they changed: if the two differ, something is wrong
    with the books, and nothing else will tell."""

    accepted: int
    standing: dict[str, int]
    difference: int


class ChannelFigures(Struct, frozen=True, kw_only=True):
    """Jobs accepted since a day, by where they stand and, of those that did not go, by reason."""

    channel: str
    standing: dict[str, int]
    reasons: dict[str, int]


class DayFigures(Struct, frozen=True, kw_only=True):
    """Jobs accepted on one day (of UTC), by where they stand."""

    day: str
    standing: dict[str, int]


class LedgerHead(Struct, frozen=True, kw_only=True):
    """The end of the chain. `at` is RFC 3339, `hash` hexadecimal."""

    seq: int
    hash: str
    at: str | None


class Overview(Struct, frozen=True, kw_only=True):
    """`as_of` is the time of the last batch that the ledger took in; `gate` is `open` or `shut`."""

    as_of: str | None
    gate: str
    books: Balance
    channels: list[ChannelFigures]
    days: list[DayFigures]
    in_doubt: int
    head: LedgerHead


async def overview(books: Books, tenants: frozenset[str] | None, since: Instant) -> Overview:
    """The books of some tenants (None: of all); the figures by channel of jobs accepted since the day of `since`.
    Raises SQLAlchemyError."""
    mine, own, theirs = (
        true() if tenants is None else table.c.tenant.in_(tenants) for table in (tallies, jobs, messages)
    )
    async with books.ledger.read() as connection:
        accepted = await connection.scalar(select(func.count()).select_from(jobs).where(own))
        sums = select(tallies.c.status, func.sum(tallies.c.n)).where(mine).group_by(tallies.c.status)
        standing = {status: int(n) for status, n in await connection.execute(sums) if n}
        recent = (
            select(tallies.c.channel, tallies.c.status, tallies.c.reason, func.sum(tallies.c.n))
            .where(mine, tallies.c.day >= since // DAY)
            .group_by(tallies.c.channel, tallies.c.status, tallies.c.reason)
        )
        rows = [
            (channel, status, reason, int(n)) for channel, status, reason, n in await connection.execute(recent) if n
        ]
        by_day = (
            select(tallies.c.day, tallies.c.status, func.sum(tallies.c.n))
            .where(mine, tallies.c.day >= since // DAY)
            .group_by(tallies.c.day, tallies.c.status)
            .order_by(tallies.c.day)
        )
        daily = [(day, status, int(n)) for day, status, n in await connection.execute(by_day) if n]
        doubts = await connection.scalar(
            select(func.count()).select_from(messages).where(theirs, messages.c.state == "in_doubt")
        )
        at = (await connection.execute(select(position).where(position.c.prefix == books.keys.prefix))).first()
        last = (
            await connection.execute(
                select(entries.c.seq, entries.c.hash, entries.c.at).order_by(entries.c.seq.desc()).limit(1)
            )
        ).first()
    return Overview(
        as_of=format_instant(at.at) if at else None, gate="shut" if at is None or at.shut else "open",
        books=Balance(
            accepted=int(accepted or 0), standing=standing, difference=int(accepted or 0) - sum(standing.values())
        ),
        channels=_channels(rows), days=_days(daily), in_doubt=int(doubts or 0),
        head=LedgerHead(
            seq=last.seq if last else 0, hash=bytes(last.hash).hex() if last else "",
            at=format_instant(last.at) if last else None,
        ),
    )  # fmt: skip


def _days(rows: list[tuple[int, str, int]]) -> list[DayFigures]:
    found: dict[int, dict[str, int]] = {}
    for day, status, n in rows:
        found.setdefault(day, {})[status] = n
    return [DayFigures(day=format_instant(day * DAY)[:10], standing=standing) for day, standing in found.items()]


def _channels(rows: list[tuple[str, str, str, int]]) -> list[ChannelFigures]:
    found: dict[str, tuple[dict[str, int], dict[str, int]]] = {}
    for channel, status, reason, n in rows:
        standing, reasons = found.setdefault(channel, ({}, {}))
        standing[status] = standing.get(status, 0) + n
        if reason:
            reasons[reason] = reasons.get(reason, 0) + n
    return [
        ChannelFigures(channel=channel, standing=standing, reasons=reasons)
        for channel, (standing, reasons) in sorted(found.items())
    ]  # fmt: skip
