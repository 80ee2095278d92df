"""What waits and where: lanes, the schedule, what the ledger has not taken in yet, and until when jobs are held."""

from typing import Any

from msgspec import Struct
from sqlalchemy import func, select, true

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import HOUR, MINUTE, SECOND, Instant, format_instant
from gateway.ledger.tables import jobs
from gateway.store.keys import GROUP
from gateway.store.redis import Store
from gateway.store.streams import place_of

PACE_MS = 5 * MINUTE
HELD = "waiting"
UNDONE = ("queued", "waiting", "sending")
MOST = 2000


class LaneFigures(Struct, frozen=True, kw_only=True):
    """One inbound stream: entries on it, of those in somebody's hand, and the age of the oldest (s)."""

    stream: str
    entries: int
    in_hand: int
    oldest_s: float


class Held(Struct, frozen=True, kw_only=True):
    """Jobs that are looked at again within the hour that begins at `hour`."""

    hour: str
    jobs: int


class HeldAt(Struct, frozen=True, kw_only=True):
    """The same of one jurisdiction, and why."""

    hour: str
    jurisdiction: str
    reason: str
    jobs: int


class Pace(Struct, frozen=True, kw_only=True):
    """What happened lately: jobs that were accepted within so many seconds, and those that came to an end or to a
    provider."""

    seconds: int
    accepted: int
    done: int


class Backlog(Struct, frozen=True, kw_only=True):
    """`journal` are batches that the ledger has not taken in yet, `dead` dead letters."""

    lanes: list[LaneFigures]
    scheduled: int
    journal: int
    dead: int
    held: list[Held]
    places: list[HeldAt]
    pace: Pace | None


async def backlog(store: Store, books: Books | None, tenants: frozenset[str] | None, now: Instant) -> Backlog:
    """Raises StoreError, SQLAlchemyError."""
    keys, client = store.keys, store.redis
    lanes = [await _lane(client, stream, now) for stream in keys.inbound]
    places, pace = ([], None) if books is None else await _held(books, tenants, now)
    held: dict[str, int] = {}
    for one in places:
        held[one.hour] = held.get(one.hour, 0) + one.jobs
    return Backlog(
        lanes=lanes, scheduled=await client.zcard(keys.schedule), journal=await client.xlen(keys.journal),
        dead=await client.xlen(keys.dead), held=[Held(hour=hour, jobs=n) for hour, n in held.items()],
        places=places, pace=pace,
    )  # fmt: skip


async def _held(books: Books, tenants: frozenset[str] | None, now: Instant) -> tuple[list[HeldAt], Pace]:
    own = true() if tenants is None else jobs.c.tenant.in_(tenants)
    hour = (jobs.c.due - jobs.c.due % HOUR).label("hour")
    by = hour, jobs.c.jurisdiction, jobs.c.reason
    chosen = (
        select(*by, func.count())
        .where(own, jobs.c.status == HELD, jobs.c.due >= now - HOUR)
        .group_by(*by)
        .order_by(*by)
        .limit(MOST)
    )
    lately = own, jobs.c.updated >= now - PACE_MS
    came = select(func.count()).select_from(jobs).where(*lately, jobs.c.accepted >= now - PACE_MS)
    done = select(func.count()).select_from(jobs).where(*lately, jobs.c.status.not_in(UNDONE))
    async with books.ledger.read() as connection:
        places = [
            HeldAt(hour=format_instant(int(at)), jurisdiction=place, reason=reason, jobs=n)
            for at, place, reason, n in await connection.execute(chosen)
        ]
        accepted, ended = await connection.scalar(came), await connection.scalar(done)
    return places, Pace(seconds=PACE_MS // SECOND, accepted=int(accepted or 0), done=int(ended or 0))


async def _lane(client: Any, stream: str, now: Instant) -> LaneFigures:
    first = await client.xrange(stream, count=1)
    try:
        pending = (await client.xpending(stream, GROUP))["pending"]
    except Exception as error:
        if "NOGROUP" not in str(error):
            raise
        pending = 0
    age = max(0, now - place_of(first[0][0].decode())[0]) / 1000 if first else 0.0
    return LaneFigures(stream=stream, entries=await client.xlen(stream), in_hand=pending, oldest_s=age)
