"""Finds what the store holds of jobs and people, for those who ask: records, files, receipts, and jobs nobody read."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.domain.job import Job
from gateway.pipeline.errand import of_household, read_record, reminder_of
from gateway.pipeline.files import PersonFile, Unreadable, read_file
from gateway.store.keys import Lane
from gateway.store.redis import Store

PAGE = 500
READ_MOST = 20_000
"""entries of a stream that are looked through for one job"""
LOOK_PAGE, LOOK_THROUGH, LOOK_BYTES = 100, 5_000, 8 * 1024 * 1024
"""entries of a lane at once and altogether, and bytes of them, that are looked through for a job that nobody has read:
a lane of large documents must not be held in memory because somebody asks for a job"""


class UnreadableRecord(ValueError):
    """What the store holds of a job cannot be read; the text is a sentence."""


class Held(Struct, frozen=True):
    """A job's record with the names under which it is kept."""

    tenant: str
    recipient: str
    job_id: str
    job: Job


class Files(Struct, frozen=True):
    """The files that a job's decisions looked at; households by name."""

    person: PersonFile
    households: dict[str, PersonFile]


async def find(store: Store, job_id: str, tenant: str | None, recipient: str | None) -> list[Held]:
    """Every record of that job id; with tenant and recipient at most one. Raises UnreadableRecord."""
    if tenant is not None and recipient is not None:
        keys = [store.keys.job(tenant, recipient, job_id)]
    else:
        wanted = store.keys.job(_glob(tenant), _glob(recipient), _glob(job_id))
        keys = sorted([key.decode() async for key in store.redis.scan_iter(wanted, count=5000)])
    found = [held async for held in _read(store, keys)]
    return [held for held in found if held.job_id == job_id]


async def every(store: Store, faults: list[str]) -> AsyncIterator[Held]:
    """Every record of the store, in no order, some perhaps twice; those that cannot be read are sentences in
    `faults`."""
    page: list[str] = []
    async for key in store.redis.scan_iter(f"{store.keys.prefix}:job:*", count=2000):
        page.append(key.decode())
        if len(page) == PAGE:
            async for held in _read(store, page, faults):
                yield held
            page = []
    async for held in _read(store, page, faults):
        yield held


async def files_of(store: Store, jobs: Sequence[Held]) -> list[Files]:
    """The files of each job's person, and of the households that its decisions looked at. Raises UnreadableRecord."""
    raw = await _hashes(store, [store.keys.person(held.tenant, held.recipient) for held in jobs])
    people = [_file(held, raw[store.keys.person(held.tenant, held.recipient)]) for held in jobs]
    shared = [_households(store, held, person) for held, person in zip(jobs, people, strict=True)]
    raw = await _hashes(store, [key for keys in shared for key in keys.values()])
    return [
        Files(person, {name: _file(held, raw[key]) for name, key in keys.items()})
        for held, person, keys in zip(jobs, people, shared, strict=True)
    ]


async def receipts_of(store: Store, held: Held) -> list[dict[str, Any]]:
    """The job's receipts that are still on the stream near the times at which something was done about it, in order.
    Others were read and trimmed, or lie among too many."""
    found: dict[str, dict[str, Any]] = {}
    mark = msgspec.json.encode(held.job_id)
    for anchor in _anchors(held.job):
        after, left = f"{max(anchor - 1000, 0)}", READ_MOST
        while left > 0 and len(found) < held.job.told:
            rows: Any = await store.redis.xrange(store.keys.receipts, min=after, count=1000)
            for _, fields in rows:
                raw = fields.get(b"receipt", b"")
                if mark in raw and (receipt := _own(raw, held)) is not None:
                    found.setdefault(receipt["id"], receipt)
            if len(rows) < 1000:
                break
            after, left = f"({rows[-1][0].decode()}", left - 1000
    return sorted(found.values(), key=lambda receipt: int(receipt["id"].rpartition("#")[2]))


async def unread(
    store: Store, job_id: str, tenant: str | None = None, recipient: str | None = None
) -> tuple[Lane, str] | None:
    """Lane and entry id of a job that is on a lane and has no record yet, if it is among the oldest of its lane. With
    tenant and recipient it must be theirs: an id alone may be anybody's."""
    for lane, stream in store.keys.lanes.items():
        after, seen, read = "-", 0, 0
        while seen < LOOK_THROUGH and read < LOOK_BYTES:
            rows: Any = await store.redis.xrange(stream, min=after, count=LOOK_PAGE)
            for entry, fields in rows:
                raw = fields.get(b"job", b"")
                read += len(raw)
                if _is(raw, job_id, tenant, recipient):
                    return lane, entry.decode()
            if len(rows) < LOOK_PAGE:
                break
            after, seen = f"({rows[-1][0].decode()}", seen + len(rows)
    return None


class _Person(Struct, frozen=True):
    id: str


class _Named(Struct, frozen=True):
    """By what a reminder is known; the rest of it is not read."""

    id: str
    recipient: _Person
    tenant: str = "default"


_named = msgspec.json.Decoder(_Named)


def _is(raw: bytes, job_id: str, tenant: str | None, recipient: str | None) -> bool:
    try:
        found = _named.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    wanted = (found.tenant if tenant is None else tenant, found.recipient.id if recipient is None else recipient)
    return found.id == job_id and (found.tenant, found.recipient.id) == wanted


async def _read(store: Store, keys: Sequence[str], faults: list[str] | None = None) -> AsyncIterator[Held]:
    records: Any = await store.redis.mget(keys) if keys else []
    for key, record in zip(keys, records, strict=True):
        if record is None:
            continue
        try:
            yield Held(*_names(key, store.keys.prefix), read_record(record.decode()))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
            sentence = f"{key}: the record cannot be read: {error}"
            if faults is None:
                raise UnreadableRecord(sentence) from None
            faults.append(sentence)


def _names(key: str, prefix: str) -> tuple[str, str, str]:
    """Tenant, recipient and job id; the inverse of `Keys.job`."""
    tenant, recipient, job_id = key.removeprefix(f"{prefix}:job:").split("/", 2)
    return _part(tenant), _part(recipient), job_id


def _part(text: str) -> str:
    return text.replace("%2F", "/").replace("%25", "%")


def _glob(name: str | None) -> str:
    """A name as a pattern that means only itself; every name for None."""
    return "*" if name is None else re.sub(r"([*?\[\]\\^])", r"\\\1", name)


async def _hashes(store: Store, keys: Sequence[str]) -> dict[str, dict[bytes, bytes]]:
    names = list(dict.fromkeys(keys))
    pipeline = store.redis.pipeline(transaction=False)
    for name in names:
        pipeline.hgetall(name)
    return dict(zip(names, await pipeline.execute() if names else [], strict=True))


def _households(store: Store, held: Held, person: PersonFile) -> dict[str, str]:
    """The keys of the households that were looked at, and of the one that would be now, by name."""
    looks = [track.look for track in held.job.tracks if track.look is not None]
    names = {weighed.candidate.household for look in looks for weighed in look.weighed}
    if any(track.state == "waiting" for track in held.job.tracks) and (reminder := reminder_of(held.job)):
        names.add(of_household(reminder, person.household).recipient.household)
    return {name: store.keys.household(held.tenant, name) for name in sorted(filter(None, names))}


def _file(held: Held, raw: dict[bytes, bytes]) -> PersonFile:
    try:
        return read_file([part for item in raw.items() for part in item])
    except Unreadable as error:
        sentence = f"{held.job_id}: the file of {held.recipient} cannot be read: {error}"
        raise UnreadableRecord(sentence) from None


def _anchors(job: Job) -> list[Instant]:
    """The times near which receipts of the job were written."""
    times = {job.accepted}
    for track in job.tracks:
        times |= {track.look.at} if track.look else set()
        times |= {track.attempt.at} if track.attempt else set()
    return sorted(times)


def _own(raw: bytes, held: Held) -> dict[str, Any] | None:
    receipt = _json(raw)
    names = (receipt.get("tenant"), receipt.get("recipient_id"), receipt.get("job_id"))
    return receipt if names == (held.tenant, held.recipient, held.job_id) else None


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
