"""What one worker has in hand: entries read and not yet put away, and which of them go next.

Bounded: a job whose channel has no free slot is held here up to a number, and then waits in the schedule, so that
nobody behind it waits for its channel.
"""

from collections import deque
from collections.abc import Iterator

from channels.contract import Channel
from gateway.domain.clock import Instant
from gateway.domain.errors import Fault
from gateway.pipeline.desks import Desks
from gateway.pipeline.errand import Errand, take_up
from gateway.store.keys import Keys, Lane
from gateway.store.streams import Entry

HELD_MOST = 200
"""jobs per channel that wait in hand for a slot"""


class Hand:
    """`keys` of entries in hand are those that this worker answers for."""

    def __init__(self, keys: Keys, batch: int) -> None:
        self.batch = batch
        self.lane_of: dict[str, Lane] = {stream: lane for lane, stream in keys.lanes.items()}
        self.incoming: deque[Errand] = deque()
        self.again: deque[Errand] = deque()
        self.held: dict[str, deque[Errand]] = {}
        self.faulty: list[tuple[Entry, Fault]] = []
        self.entries: dict[str, Entry] = {}
        self.past_full = False
        """set to look past a full channel once: what waits for it goes into the schedule, the others come forward"""

    def accept(self, entries: list[Entry]) -> None:
        """Takes entries in. One that is in hand already is left alone: it is kept, and comes to its end."""
        for entry in entries:
            if entry.key in self.entries:
                continue
            self.entries[entry.key] = entry
            errand = take_up(entry, self.lane_of[entry.stream])
            if isinstance(errand, Fault):
                self.faulty.append((entry, errand))
            else:
                self.incoming.append(errand)

    def put_away(self, entry: Entry) -> None:
        self.entries.pop(entry.key, None)

    def hold(self, errand: Errand, channel: str) -> None:
        """Keeps a job for whose channel no slot is free; one too many is marked to wait in the schedule instead. It is
        the channel of its row from here on: by the one it would rather have it would wait for the wrong slots."""
        errand.likely = channel
        errand.recalled = False
        held = self.held.setdefault(channel, deque())
        if len(held) < HELD_MOST:
            held.append(errand)
        else:
            errand.parks = True
            self.again.append(errand)

    def recall(self) -> None:
        """Everything in hand is looked at once, room or not: somebody gave an order that may end it."""
        for held in self.held.values():
            self.again.extend(held)
            held.clear()
        for errand in (*self.again, *self.incoming):
            errand.recalled = True

    def full(self, channel: str) -> bool:
        """Whether as many jobs wait for a channel as may be held."""
        return len(self.held.get(channel, ())) >= HELD_MOST

    @property
    def satisfied(self) -> bool:
        """Whether there is no use in reading on: enough is in hand, or some channel has a full row before it."""
        return len(self.incoming) >= self.batch or any(map(self.full, self.held))

    def waits_for(self, channel: Channel) -> int:
        return len(self.held.get(channel, ()))

    def gather(self, desks: Desks, now: Instant) -> list[Errand]:
        """The next batch: one errand of a subject at a time, and of a channel as many as it has free slots."""
        room: dict[str, int] = {channel: desks.room(channel, now) for channel in desks.of if desks.up(channel, now)}
        batch: list[Errand] = []
        later: list[Errand] = []
        blocked: list[Errand] = []
        subjects: set[tuple[str, str]] = set()
        past_full, self.past_full = self.past_full, False
        for errand in self._candidates(room):
            channel = errand.likely
            if channel in room and room[channel] <= 0 and not (errand.parks or errand.recalled):
                if not self.full(channel):
                    self.hold(errand, channel)
                    continue
                if not past_full:
                    blocked.append(errand)
                    continue
                errand.parks = True
            if errand.subject in subjects:
                later.append(errand)
            else:
                if channel in room:
                    room[channel] -= 1
                subjects.add(errand.subject)
                batch.append(errand)
            if len(batch) >= self.batch or len(later) >= self.batch:
                break
        self.again.extendleft(reversed(later))
        self.incoming.extendleft(reversed(blocked))
        return batch

    def _candidates(self, room: dict[str, int]) -> Iterator[Errand]:
        """Those who go on, those who waited for a slot that is free now, then the newcomers."""
        for _ in range(len(self.again)):
            yield self.again.popleft()
        for channel, held in tuple(self.held.items()):
            while held and room.get(channel, 1) > 0:
                yield held.popleft()
        while self.incoming:
            yield self.incoming.popleft()
