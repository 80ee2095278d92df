"""The one door to the store for receipts that go out: how far each endpoint has come, and what is left to do for it.

| key | type | holds |
| --- | --- | --- |
| `webhook:<name>` | group of `receipts` | what was read for the endpoint, and what of it is not taken yet |
| `endpoint:<name>` | hash | `position` before all that is not taken, `seen` when last served (ms), `generation`; |
| | | `failures`, `since`, `next`, `code` while it fails; `e:<entry>` tries and due time of what failed; |
| | | `parked` since (ms), `why`, `held` entries not taken |
| `lease:<name>` | string | the process that serves the endpoint |

`generation` changes whenever the group is made anew: whoever read by another one starts over.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis.asyncio as redis
from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.endpoints.schedule import Health, read_health, written
from gateway.store.keys import Keys
from gateway.store.streams import place_of

GROUPS = "webhook:"
CONSUMER = "gateway"
"""one for all processes: whoever holds the lease finds what the one before left"""
MOST_HELD = 1_000
_PAGE = 200
UNSERVED = "unserved"

Row = tuple[str, Mapping[bytes, bytes]]
"""id and fields of an entry"""


class Page(Struct, frozen=True):
    """What the store knows of an endpoint."""

    generation: str = ""
    position: str = ""
    health: Health = Health()
    tries: dict[str, tuple[int, Instant]] = {}
    """by entry: tries, due"""
    parked: Instant | None = None
    why: str = ""
    held: tuple[str, ...] = ()
    seen: Instant | None = None


class Settled(Struct):
    """What one turn decided, written in one step."""

    taken: list[str] = []
    failed: dict[str, tuple[int, Instant]] = {}
    buried: list[tuple[str, str, str]] = []
    """entry, its fields (JSON), what is wrong"""
    health: Health | None = None
    """where it changed"""


class Resumed(Struct, frozen=True):
    """Where an endpoint goes on: after `place`, and with what it had not taken, but for the `lost`, which were
    trimmed."""

    place: str
    lost: int = 0


class Book:
    """The pages of one endpoint. Raises StoreError when the store cannot be had."""

    def __init__(self, client: redis.Redis, keys: Keys, name: str) -> None:
        self._redis, self._stream, self._dead = client, keys.receipts, keys.dead
        self._group = GROUPS + name
        self._key = keys.endpoint(name)
        self.lease = keys.lease(name)

    async def page(self) -> Page:
        found: Any = await self._redis.hgetall(self._key)
        fields = {name.decode(): value.decode() for name, value in found.items()}
        tries = {}
        for name, value in fields.items():
            if name.startswith("e:"):
                count, _, due = value.partition(" ")
                tries[name[2:]] = (int(count), int(due))
        parked, seen = (int(fields[name]) if name in fields else None for name in ("parked", "seen"))
        return Page(
            fields.get("generation", ""), fields.get("position", ""), read_health(fields), tries, parked,
            fields.get("why", ""), tuple(fields.get("held", "").split()), seen,
        )  # fmt: skip

    async def open(self) -> Page:
        """The page of an endpoint that shall be served. One that nobody ever saw begins now: its first receipt is the
        next one. One that lost its group goes on where it was; one that was parked because nobody served it, too."""
        page = await self.page()
        if page.parked is not None:
            if page.why != UNSERVED:
                return page
            await self.resume()
            return await self.page()
        if not page.position:
            # Written before the group is made: if we die between the two, the next one begins at the same place.
            await self._redis.hsetnx(self._key, "position", await self.end())
            await self._redis.hsetnx(self._key, "generation", secrets.token_hex(8))
            page = await self.page()
        try:
            await self._redis.xgroup_create(self._stream, self._group, id=page.position, mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        return page

    async def pending(self) -> list[Row]:
        """What was read for it and not taken, in order. What is not on the stream any more is forgotten."""
        found: list[Row] = []
        after = "0"
        while rows := _rows(await self._redis.xreadgroup(self._group, CONSUMER, {self._stream: after}, count=_PAGE)):
            found += [row for row in rows if row[1]]
            if gone := [id_ for id_, fields in rows if not fields]:
                await self.settle(Settled(taken=gone))
            after = rows[-1][0]
        return found

    async def read(self, generation: str, count: int) -> list[Row] | None:
        """Up to so many new entries; None if the group is not the one of this generation any more."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hget(self._key, "generation")
        pipeline.xreadgroup(self._group, CONSUMER, {self._stream: ">"}, count=count)
        current, rows = await pipeline.execute(raise_on_error=False)
        if isinstance(rows, redis.ResponseError) and "NOGROUP" in str(rows):
            return None
        for answer in (current, rows):
            if isinstance(answer, Exception):
                raise answer
        return _rows(rows) if current == generation.encode() else None

    async def settle(self, what: Settled) -> None:
        """Acknowledges what was taken or buried, and writes what failed."""
        pipeline = self._redis.pipeline(transaction=True)
        ended = [*what.taken, *(entry for entry, _, _ in what.buried)]
        for _, fields, error in what.buried:
            pipeline.xadd(self._dead, {"entry": fields, "error": error, "stream": self._stream})
        if ended:
            pipeline.xack(self._stream, self._group, *ended)
            pipeline.hdel(self._key, *(f"e:{entry}" for entry in ended))
        if what.failed:
            tries: dict[Any, Any] = {f"e:{entry}": f"{count} {due}" for entry, (count, due) in what.failed.items()}
            pipeline.hset(self._key, mapping=tries)
        if what.health is not None:
            if what.health.failures:
                pipeline.hset(self._key, mapping=dict[Any, Any](written(what.health)))
            else:
                pipeline.hdel(self._key, *written(what.health))
        await pipeline.execute()

    async def alive(self, generation: str, now: Instant) -> tuple[bool, str | None]:
        """Says that it is served: whether its generation is still this one, and the oldest entry not taken."""
        if (await self._redis.hget(self._key, "generation")) != generation.encode():
            return False, None
        last, held = await self._where()
        position = _before(held[0]) if held else last
        await self._redis.hset(self._key, mapping={"seen": now, "position": position})
        return True, await self._oldest(last, held)

    async def oldest(self) -> str | None:
        """The oldest entry that it has not taken; None if it has all."""
        return await self._oldest(*await self._where())

    async def _oldest(self, last: str, held: Sequence[str]) -> str | None:
        if held:
            return held[0]
        rows: Any = await self._redis.xrange(self._stream, min=f"({last}", count=1)
        return str(rows[0][0].decode()) if rows else None

    async def first_seen(self, now: Instant) -> None:
        """Writes down that it was served last now, where nothing of the kind is written."""
        await self._redis.hsetnx(self._key, "seen", str(now))

    async def park(self, why: str, now: Instant) -> None:
        """Leaves it alone until somebody resumes it: its place is kept here, and nothing holds the stream back."""
        last, held = await self._where()
        await self._rewrite({"parked": now, "why": why, "position": last, "held": " ".join(held)})

    async def resume(self) -> Resumed:
        """Goes on where it was parked, as far as the stream reaches."""
        last, held = await self._where()
        return await self._rewrite({"position": last}, last, held)

    async def recover(self, since: Instant) -> Resumed:
        """Gives everything since then once more, and nothing before it up."""
        last, held = await self._where()
        start = min(last, _before(f"{since}-0"), key=place_of)
        older = [one for one in held if place_of(one) <= place_of(start)]
        return await self._rewrite({"position": start}, start, older)

    async def end(self) -> str:
        """The last place of the stream."""
        info = await self.stream()
        return str(info["last-generated-id"].decode()) if info else "0-0"

    async def stream(self) -> dict[str, Any]:
        """XINFO STREAM of the receipts; empty where there are none."""
        try:
            found: dict[str, Any] = await self._redis.xinfo_stream(self._stream)
        except redis.ResponseError:  # no such stream yet
            return {}
        return found

    async def _where(self) -> tuple[str, list[str]]:
        """The last entry that was read for it, and the entries read and not taken, in order."""
        for group in await groups(self._redis, self._stream):
            if group["name"].decode() == self._group:
                count = max(1, group["pending"])
                rows: Any = await self._redis.xpending_range(self._stream, self._group, "-", "+", count)
                return group["last-delivered-id"].decode(), [row["message_id"].decode() for row in rows]
        page = await self.page()
        return page.position or await self.end(), list(page.held)

    async def _rewrite(self, fields: dict[str, Any], start: str = "", held: Sequence[str] = ()) -> Resumed:
        """The page and the group anew, in one step; without `start` no group."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xgroup_destroy(self._stream, self._group)
        pipeline.delete(self._key)
        pipeline.hset(self._key, mapping=dict[Any, Any](fields) | {"generation": secrets.token_hex(8)})
        if start:
            pipeline.xgroup_create(self._stream, self._group, id=start, mkstream=True)
        if held:
            # Those that are not on the stream any more are passed over by the server.
            ids: Any = list(held)
            pipeline.xclaim(self._stream, self._group, CONSUMER, 0, ids, force=True, justid=True)
        answers = await pipeline.execute(raise_on_error=False)
        for answer in answers[1:]:  # the first fails where there is no stream, and so no group
            if isinstance(answer, Exception):
                raise answer
        return Resumed(start, len(held) - len(answers[-1]) if held else 0)


async def groups(client: redis.Redis, stream: str) -> list[dict[str, Any]]:
    """The consumer groups of a stream; none where there is no stream."""
    try:
        found: list[dict[str, Any]] = await client.xinfo_groups(stream)
    except redis.ResponseError:
        return []
    return found


async def known(client: redis.Redis, keys: Keys) -> list[str]:
    """The names of all endpoints that have a group, configured or not."""
    names = [group["name"].decode() for group in await groups(client, keys.receipts)]
    return [name.removeprefix(GROUPS) for name in names if name.startswith(GROUPS)]


def _before(entry: str) -> str:
    """The place just before an entry."""
    ms, sequence = place_of(entry)
    return f"{ms}-{sequence - 1}" if sequence else f"{max(ms - 1, 0)}-{2**64 - 1 if ms else 0}"


def _rows(rows: Iterable[Any]) -> list[Row]:
    return [(id_.decode(), fields or {}) for _, entries in rows or () for id_, fields in entries]
