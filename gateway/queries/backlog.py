"""What waits and where: lanes, the schedule, what the ledger has not taken in yet, and until when jobs are held."""

from typing import Any

from msgspec import Struct
from sqlalchemy import func, select, true

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import HOUR, Instant, format_instant
from gateway.ledger.tables import jobs, messages
from gateway.store.keys import GROUP
from gateway.store.redis import Store
from gateway.store.streams import place_of


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


class Backlog(Struct, frozen=True, kw_only=True):
    """`journal` are batches that the ledger has not taken in yet, `dead` dead letters."""

    lanes: list[LaneFigures]
    scheduled: int
    journal: int
    dead: int
    held: list[Held]


class ProviderFigures(Struct, frozen=True, kw_only=True):
    """Messages claimed at a provider since a moment, by what is known of them."""

    provider: str
    channel: str
    states: dict[str, int]


async def backlog(store: Store, books: Books | None, tenants: frozenset[str] | None, now: Instant) -> Backlog:
    """Raises StoreError, SQLAlchemyError."""
    keys, client = store.keys, store.redis
    lanes = [await _lane(client, stream, now) for stream in keys.inbound]
    held: list[Held] = []
    if books is not None:
        own = true() if tenants is None else jobs.c.tenant.in_(tenants)
        hour = (jobs.c.due - jobs.c.due % HOUR).label("hour")
        chosen = (
            select(hour, func.count()).where(own, jobs.c.due >= now - HOUR).group_by(hour).order_by(hour).limit(200)
        )
        async with books.ledger.read() as connection:
            held = [Held(hour=format_instant(int(at)), jobs=n) for at, n in await connection.execute(chosen)]
    return Backlog(
        lanes=lanes, scheduled=await client.zcard(keys.schedule), journal=await client.xlen(keys.journal),
        dead=await client.xlen(keys.dead), held=held,
    )  # fmt: skip


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


async def providers(books: Books, tenants: frozenset[str] | None, since: Instant) -> list[ProviderFigures]:
    """Raises SQLAlchemyError."""
    own = true() if tenants is None else messages.c.tenant.in_(tenants)
    columns = messages.c.provider, messages.c.channel, messages.c.state
    chosen = select(*columns, func.count()).where(own, messages.c.at >= since).group_by(*columns)
    found: dict[tuple[str, str], dict[str, int]] = {}
    async with books.ledger.read() as connection:
        for provider, channel, state, n in await connection.execute(chosen):
            found.setdefault((provider, channel), {})[state] = n
    return [
        ProviderFigures(provider=provider, channel=channel, states=states)
        for (provider, channel), states in sorted(found.items())
    ]  # fmt: skip
