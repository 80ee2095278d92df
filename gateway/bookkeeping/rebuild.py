"""Brings a store that was lost back from the ledger: what people were told, what they may be told, and what waits.

The gate stays shut until all of it is there. What processes wrote last and the ledger has not got yet they tell
themselves (`recalled`). A send that was under way is in doubt, as it would be if its worker had died.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import or_, select
from sqlalchemy.engine import Row as SqlRow

from gateway.bookkeeping.gate import epoch_of, known, name_epoch, new_epoch, shut
from gateway.bookkeeping.keeper import Books, take_in
from gateway.bookkeeping.tell import PUTS
from gateway.domain.clock import Clock, Instant
from gateway.domain.job import Attempt, Job, Limits
from gateway.domain.lifecycle import inherit
from gateway.domain.receipt import Receipt
from gateway.ledger import tables
from gateway.ledger.keyring import Sealer
from gateway.ledger.writer import writing
from gateway.pipeline.changes import ANSWERED, selectors_of
from gateway.pipeline.errand import due, read_record, reminder_of, write_receipt, write_record
from gateway.pipeline.files import FILE_LIFE_MS
from gateway.store import journal
from gateway.store.keys import Member, parse_member
from gateway.store.redis import Change, RecordWrite, Store

QUIET_S = 1.0
"""for so long nothing more is recalled: every process looks four times a second"""
PAGE = 500

_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Rebuilt(Struct):
    """What was brought back; `doubtful` sends were under way, `erased` facts have no key any more."""

    recalled: int = 0
    files: int = 0
    facts: int = 0
    jobs: int = 0
    waiting: int = 0
    doubtful: int = 0
    receipts: int = 0
    erased: int = 0


class NotLost(Exception):
    """There is nothing to rebuild; the text says why."""


async def rebuild(
    store: Store, books: Books, clock: Clock, limits: Limits, receipts_since: Instant, tell: Callable[[str], None]
) -> Rebuilt:  # fmt: skip
    """Rebuilds the store and opens its gate; can be ended at any moment and begun again. Raises NotLost, StoreError,
    SQLAlchemyError, KeyringError."""
    await _agree(store, books)
    done = Rebuilt()
    tell("waiting for what processes remember")
    done.recalled = await _recalled(store, books, clock)
    builder = _Builder(store, books, clock.now(), limits, done)
    for what, act in (
        ("pauses, stops, policies", builder.house), ("people's files", builder.people), ("jobs", builder.jobs),
        ("receipts", lambda: builder.receipts(receipts_since)),
    ):  # fmt: skip
        tell(what)
        await act()
    epoch = new_epoch()
    async with books.ledger.write() as connection:
        await writing(books.ledger, connection, books.keys.prefix).begin(epoch, clock.now())
    await name_epoch(store, epoch)
    await store.redis.delete(store.keys.recalled)
    return done


async def _agree(store: Store, books: Books) -> None:
    """That the store was lost, and is this ledger's; from here on no journal is taken in."""
    at, own = await known(books), await epoch_of(store)
    if at is None:
        raise NotLost("the ledger has never followed a store under this prefix: there is nothing to rebuild from")
    if own is not None:
        raise NotLost(
            "the store holds what it held" if own == at.epoch
            else "the store names an epoch that the ledger does not know: it is another one, or was rebuilt elsewhere"
        )  # fmt: skip
    await shut(books)


async def _recalled(store: Store, books: Books, clock: Clock) -> int:
    """Takes what processes remember into the ledger; how many batches it did not have."""
    length = -1
    while length != (length := await store.redis.xlen(store.keys.recalled)):  # noqa: ASYNC110 - others write it
        await asyncio.sleep(QUIET_S)
    before = await known(books)
    found = await journal.recalled(store.redis, store.keys)
    for start in range(0, len(found), PAGE):
        await take_in(books, found[start : start + PAGE], clock, lost=True)
    last = journal.place(before.journal if before else "0-0")
    return sum(journal.place(one.id) > last for one in found)


class _Builder:
    """Writes into a store whose gate is shut, so that nobody reads what is half done."""

    def __init__(self, store: Store, books: Books, now: Instant, limits: Limits, done: Rebuilt) -> None:
        self.store, self.books, self.now, self.limits, self.done = store, books, now, limits, done
        self._addresses: dict[str, tuple[Instant, str]] = {}

    async def house(self) -> None:
        """Control, cancels, stopped addresses, what was carried out, and the packs."""
        keys, house = self.store.keys, self.books.keyring.house
        pipeline = self.store.redis.pipeline(transaction=False)
        async for row in self._rows(tables.kept, tables.kept.c.place, tables.kept.c.name):
            name, value = _any.decode(house.open(bytes(row.sealed), "kept", row.place))
            if row.expires is not None and row.expires <= self.now:
                continue
            if row.place == PUTS:
                if name.startswith(f"{keys.prefix}:"):
                    pipeline.set(name, value, px=row.expires - self.now)
            elif row.place.startswith(f"{keys.prefix}:"):
                pipeline.hset(row.place, name, value)
                pipeline.hsetnx(row.place, "v", "1")
        async for row in self._rows(tables.versions, tables.versions.c.kind, tables.versions.c.label):
            if row.kind in ("pack", "publication"):
                pipeline.hset(keys.packs if row.kind == "pack" else keys.policies, row.label, row.text)
        await pipeline.execute()

    async def people(self) -> None:
        """Files of people and households, each with its contacts and states."""
        facts, files = tables.facts, tables.files
        chosen = (
            select(facts, files.c.expires)
            .join(files, files.c.subject == facts.c.subject)
            .where(facts.c.gone.is_(None), or_(files.c.expires.is_(None), files.c.expires > self.now))
        )
        seen = ""
        async for page in self._pages(chosen, facts.c.subject, facts.c.name):
            sealers = await self.books.subjects.sealers(row.sealer for row in page)
            pipeline = self.store.redis.pipeline(transaction=False)
            for row in page:
                sealer = sealers.get(row.sealer)
                if sealer is None:
                    self.done.erased += 1
                    continue
                kind, tenant, name, field, value = _any.decode(sealer.open(bytes(row.sealed), "facts", row.subject))
                place = self.store.keys.person if kind == "person" else self.store.keys.household
                key = place(tenant, name)
                pipeline.hset(key, field, value)
                pipeline.hsetnx(key, "v", "1")
                if row.expires is not None:
                    pipeline.pexpireat(key, row.expires)
                self.done.facts += 1
                self.done.files += row.subject != seen
                seen = row.subject
            await pipeline.execute()

    async def jobs(self) -> None:
        """Records, names by which reports and replies find them, and the schedule."""
        jobs = tables.jobs
        chosen = select(jobs).where(jobs.c.expires > self.now, jobs.c.prefix == self.store.keys.prefix)
        async for page in self._pages(chosen, jobs.c.job):
            sealers = await self.books.subjects.sealers(row.subject for row in page)
            for row in page:
                if row.sealed is not None and row.subject in sealers:
                    await self._job(row, sealers[row.subject])
        pipeline = self.store.redis.pipeline(transaction=False)
        for digest, (at, member) in self._addresses.items():
            if (left := at + FILE_LIFE_MS - self.now) > 0:
                pipeline.set(self.store.keys.address(digest), member, px=left)
        await pipeline.execute()

    async def _job(self, row: SqlRow[Any], sealer: Sealer) -> None:
        held = _any.decode(sealer.open(bytes(row.sealed), "jobs", row.subject, row.job))
        member, job = parse_member(held["member"]), read_record(held["record"])
        reminder = reminder_of(job)
        said: list[Receipt] = []
        for track in job.tracks:
            if track.state == "open" and reminder is not None:
                said += inherit(job, track, reminder, self.now)
                self.done.doubtful += 1
        keys, left = self.store.keys, row.expires - self.now
        pipeline = self.store.redis.pipeline(transaction=False)
        pipeline.set(keys.job(member.tenant, member.recipient, member.job), held["record"], px=left)
        for attempt in _attempts(job):
            pipeline.set(keys.reference(attempt.reference), str(member), px=left)
            if attempt.message_id:
                pipeline.set(keys.message(attempt.provider, attempt.message_id), attempt.reference, px=left)
            if attempt.channel in ANSWERED and attempt.address:
                known = self._addresses.get(attempt.address)
                if known is None or known[0] < attempt.at:
                    self._addresses[attempt.address] = (attempt.at, str(member))
        if not job.ended:
            self._wait(pipeline, member, job, row.due, None if reminder is None else reminder.ends)
        await pipeline.execute()
        self.done.jobs += 1
        if said:
            await self.store.commit([_doubtful(self.store, member, job, held["record"], said, left)])

    def _wait(self, pipeline: Any, member: Member, job: Job, when: Instant | None, ends: Instant | None) -> None:
        """Somebody will look at it again: when the ledger says, or at once where it says nothing."""
        following = due(job, ends, self.limits)
        begun = any(track.state in ("ready", "open") for track in job.tracks)
        if when is None and following is None and not begun:
            return
        at = self.now if begun else max(self.now, when or following or self.now)
        pipeline.zadd(self.store.keys.schedule, {str(member): at})
        for selector in selectors_of(member, job):
            pipeline.zadd(self.store.keys.waiting, {f"{selector}\x1e{member}": 0})
        self.done.waiting += 1

    async def receipts(self, since: Instant) -> None:
        """Receipts that nobody may have read yet go out once more: whoever has seen an id drops it (CONTRACT 3)."""
        entries = tables.entries
        chosen = select(entries).where(entries.c.at >= since, entries.c.kind.in_(("job", "dead_letter")))
        async for page in self._pages(chosen, entries.c.seq):
            sealers = await self.books.subjects.sealers(row.subject for row in page)
            pipeline = self.store.redis.pipeline(transaction=False)
            for row in page:
                if row.sealed is None or row.subject not in sealers:
                    continue
                context = "entries", row.tenant, row.subject, str(row.seq)
                secret = _any.decode(sealers[row.subject].open(bytes(row.sealed), *context))
                for receipt in secret.get("receipts", ()):
                    pipeline.xadd(self.store.keys.receipts, {"receipt": msgspec.json.encode(receipt)})
                    self.done.receipts += 1
            await pipeline.execute()

    async def _rows(self, table: Any, *order: Any) -> AsyncIterator[Any]:
        async for page in self._pages(select(table), *order):
            for row in page:
                yield row

    async def _pages(self, chosen: Any, *order: Any) -> AsyncIterator[list[Any]]:
        """The rows in the order of a unique key, in pages that begin where the last one ended."""
        last: tuple[Any, ...] | None = None
        while True:
            page = chosen.order_by(*order).limit(PAGE)
            if last is not None:
                page = page.where(_after(order, last))
            async with self.books.ledger.read() as connection:
                rows = list(await connection.execute(page))
            if not rows:
                return
            yield rows
            last = tuple(getattr(rows[-1], column.name) for column in order)


def _after(order: tuple[Any, ...], last: tuple[Any, ...]) -> Any:
    """Whether a row comes after another in the order of one or two columns."""
    if len(order) == 1:
        return order[0] > last[0]
    first, second = order
    return or_(first > last[0], (first == last[0]) & (second > last[1]))


def _attempts(job: Job) -> list[Attempt]:
    return [
        attempt
        for track in job.tracks
        for attempt in (*track.earlier, *([track.attempt] if track.attempt else []))
    ]  # fmt: skip


def _doubtful(store: Store, member: Member, job: Job, before: str, said: list[Receipt], left: int) -> Change:
    """What tells of a send that was under way."""
    key = store.keys.job(member.tenant, member.recipient, member.job)
    return Change(
        record=RecordWrite(key, before, write_record(job), left),
        outputs=[(store.keys.receipts, "receipt", write_receipt(receipt)) for receipt in said],
    )
