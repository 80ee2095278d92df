"""What an endpoint has in hand: receipts that were read and not yet taken, in the order of their jobs. Pure."""

from collections import deque
from collections.abc import Mapping

from msgspec import Struct

from gateway.domain.clock import Instant

Job = tuple[str, str | None, str]
"""tenant, recipient, job"""


class Item(Struct, eq=False):
    """One receipt in hand. `tries` are the attempts that count against it, `asked` is when the last one began."""

    id: str
    job: Job
    content: bytes
    fields: Mapping[bytes, bytes]
    tries: int = 0
    due: Instant = 0
    asked: Instant = 0


class Held:
    """Receipts by job. Only the first of a job can be chosen, and only while it is not under way."""

    def __init__(self) -> None:
        self._jobs: dict[Job, deque[Item]] = {}
        self._ids: set[str] = set()
        self._flying: set[Job] = set()

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def fresh(self) -> bool:
        """Whether one that was never asked with can be chosen."""
        return any(not item.asked for item in self._firsts())

    def add(self, item: Item) -> None:
        """Takes one in hand; the stream gives those of a job in their order."""
        if item.id not in self._ids:
            self._ids.add(item.id)
            self._jobs.setdefault(item.job, deque()).append(item)

    def ready(self, now: Instant) -> list[Item]:
        """Those that may go now: in the order of the stream, but what was refused before after what was not, so that
        a handful of bad ones does not bring down an endpoint that just came back."""
        return sorted((item for item in self._firsts() if item.due <= now), key=lambda item: item.tries > 0)

    def probe(self) -> Item | None:
        """With which an endpoint that is down is asked: each in turn, so that one bad receipt keeps nobody down."""
        return min(self._firsts(), key=lambda item: item.asked, default=None)

    def begin(self, item: Item, now: Instant) -> None:
        """It is under way; it comes down by `done` or `back`."""
        self._flying.add(item.job)
        item.asked = now

    def back(self, item: Item) -> None:
        """It was not taken, and stays the first of its job."""
        self._flying.discard(item.job)

    def done(self, item: Item) -> None:
        """It needs nothing more; the next one of its job may go."""
        self._flying.discard(item.job)
        self._ids.discard(item.id)
        line = self._jobs[item.job]
        line.popleft()
        if not line:
            del self._jobs[item.job]

    def _firsts(self) -> list[Item]:
        return [line[0] for job, line in self._jobs.items() if job not in self._flying]
