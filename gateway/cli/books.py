"""The books of `gateway demo`: reads the receipts back as a collection system would, and counts until all agrees."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
import redis.asyncio as redis
from msgspec import Struct

from gateway.cli.portfolio import TENANT, Sample
from gateway.domain.clock import SECOND, Instant, parse_instant
from gateway.domain.receipt import Receipt
from gateway.store.keys import Keys

READER = "demo"
"""Name of our consumer group, and of its one consumer."""
BLOCK_MS = 200
SOON_MS = 5 * SECOND
"""What waits for less than this is waited for."""
TRANSIENT = ("backoff", "provider_down")
DEAD, DUPLICATE, SILENT = "dead letter", "duplicate", "unanswered"
STATUSES = (
    "delivered", "sent", "in_doubt", "deferred", "undelivered", "failed", "suppressed", "cancelled", "expired",
    "rejected", "presumed_sent",
)  # fmt: skip

_decoder = msgspec.json.Decoder(Receipt)


class Job:
    """One job and what was told of it, in order."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.receipts: list[Receipt] = []

    @property
    def tracks(self) -> list[Receipt | None]:
        """The newest receipt of each way that the job takes: of every channel under `all`, else of the job."""
        story = self.sample.story
        if story.strategy != "all":
            return [self.receipts[-1] if self.receipts else None]
        newest = {receipt.channel: receipt for receipt in self.receipts}
        return [newest.get(channel) for channel in story.channels]

    @property
    def newest(self) -> Receipt | None:
        """The receipt that tells where the job stands: of several ways one that is not at its end, if any."""
        told = [receipt for receipt in self.tracks if receipt is not None]
        if len(told) < len(self.tracks):
            return None
        return min(told, key=lambda receipt: receipt.final)

    @property
    def status(self) -> str:
        return self.newest.status if self.newest else SILENT

    def rests(self, now: Instant) -> bool:
        """Whether nothing more is to be expected for a while."""
        return all(receipt is not None and self._rests(receipt, now) for receipt in self.tracks)

    def _rests(self, receipt: Receipt, now: Instant) -> bool:
        if receipt.final or receipt.status == self.sample.story.rests:
            return True
        if receipt.status != "deferred" or receipt.reason is None or receipt.reason["code"] in TRANSIENT:
            return False
        until = receipt.reason["until"]
        return until is None or parse_instant(until) > now + SOON_MS

    @property
    def mistakes(self) -> list[str]:
        """Where the receipts break the contract: nothing follows an end, and each way has one."""
        ends = [receipt for receipt in self.receipts if receipt.final]
        allowed = len(self.tracks)
        found = [] if len(ends) <= allowed else [f"{self.sample.id} ended {len(ends)} times"]
        if allowed == 1 and ends and self.receipts[-1] is not ends[0]:
            found.append(f"{self.sample.id} was told of after its end")
        return found


class Books:
    """All jobs by their ids. `strangers` are receipts for what was no job: a document that could not be read."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.jobs = {sample.id: Job(sample) for sample in samples}
        self.strangers: list[Receipt] = []

    def enter(self, receipt: Receipt) -> None:
        job = self.jobs.get(receipt.job_id)
        if job is None:
            self.strangers.append(receipt)
        else:
            job.receipts.append(receipt)

    def resting(self, now: Instant) -> int:
        return sum(job.rests(now) for job in self.jobs.values())

    def counts(self) -> Counter[str]:
        return Counter(job.status for job in self.jobs.values())

    def sends(self) -> int:
        """Messages that a provider took or may have taken, as the receipts tell it."""
        took = ("sent", "delivered", "undelivered", "in_doubt")
        told = (r for job in self.jobs.values() for r in job.receipts if r.status in took)
        return len({(r.job_id, r.channel, r.attempt) for r in told})


class Account(Struct, frozen=True):
    """What the books are held against. `duplicates` are counted by the worker, `dead` lie on their stream, `messages`
    lie with the providers, by channel."""

    enqueued: int
    duplicates: int
    dead: int
    messages: dict[str, int]

    def total(self, books: Books) -> int:
        return sum(n for status, n in books.counts().items() if status != SILENT) + self.duplicates + self.dead

    def mistakes(self, books: Books) -> list[str]:
        """Sentences; none if every entry came to one end or waits for it, and every message has its receipt."""
        found = [sentence for job in books.jobs.values() for sentence in job.mistakes]
        if (total := self.total(books)) != self.enqueued:
            found.append(f"{self.enqueued} were enqueued, {total} are accounted for")
        if (held := sum(self.messages.values())) != (told := books.sends()):
            found.append(f"the providers hold {held} messages, the receipts tell of {told}")
        return found


async def open_receipts(store: redis.Redis, keys: Keys) -> None:
    """A consumer group of our own from here on, so that no receipt is trimmed before we have read it."""
    await store.xgroup_create(keys.receipts, READER, id="$", mkstream=True)


async def next_receipts(store: redis.Redis, keys: Keys) -> list[Receipt]:
    """Ours of those that came, or none after a moment."""
    answer: Any = await store.xreadgroup(READER, READER, {keys.receipts: ">"}, count=500, block=BLOCK_MS, noack=True)
    came = (_decoder.decode(fields[b"receipt"]) for _, rows in answer or () for _, fields in rows)
    return [receipt for receipt in came if receipt.tenant == TENANT]
