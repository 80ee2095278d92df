"""The desks: one per provider, with slots, rate and a breaker of its own, so that a sick provider harms nobody else."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from channels.contract import Accepted, Channel, InDoubt, Outcome, Provider, Refused, Unavailable
from gateway.domain.clock import SECOND, Instant

FAILURES_IN_A_ROW = 8
"""so many `Unavailable` without an answer between them, and the provider counts as down"""
DOWN_FIRST_MS, DOWN_MOST_MS = 1 * SECOND, 30 * SECOND
TOKEN_LIFE_MS = 100
"""A granted message of the rate that is not used at once is not saved up: rates hold over every second."""
PARK_AT_LEAST_MS = 250
FIRST_GUESS_MS = 100
"""how long a send is thought to take before one has been seen"""
SMOOTHING = 16
"""sends over which the mean is taken"""


class Desk:
    """One provider at work. `free` slots are claims that may be opened now; whoever takes one gives it back."""

    def __init__(self, channel: Channel, provider: Provider, slots: int, timeout: float, rate: float | None) -> None:
        self.channel, self.provider, self.name = channel, provider, provider.name
        self.slots, self.free, self.timeout, self.rate = slots, slots, timeout, rate
        self.down_until: Instant = 0
        self._failures = 0
        self._tokens, self._tokens_until = 0, 0
        self._took_ms = float(FIRST_GUESS_MS)
        self._tail = 0.0

    def wants_tokens(self, now: Instant) -> bool:
        """Whether messages of the rate must be leased before anything can go."""
        return self.rate is not None and self.free > 0 and (self._tokens <= 0 or now >= self._tokens_until)

    def granted(self, tokens: int, now: Instant) -> None:
        self._tokens, self._tokens_until = tokens, now + TOKEN_LIFE_MS

    def room(self, now: Instant) -> int:
        """How many claims may be opened at this moment."""
        if self.rate is None:
            return self.free
        return min(self.free, self._tokens if now < self._tokens_until else 0)

    def take(self) -> None:
        self.free -= 1
        self._tokens -= 1

    def give_back(self) -> None:
        self.free += 1

    def learn(self, outcome: Outcome, now: Instant, took_ms: int) -> None:
        """Opens the breaker after failures in a row, for twice as long each time; any answer closes it."""
        self._took_ms += (took_ms - self._took_ms) / SMOOTHING
        match outcome:
            case Accepted() | Refused():
                self._failures, self.down_until = 0, 0
            case Unavailable(retry_after=retry_after):
                self._failures += 1
                if self._failures >= FAILURES_IN_A_ROW:
                    over = self._failures // FAILURES_IN_A_ROW - 1
                    wait = min(DOWN_MOST_MS, DOWN_FIRST_MS << min(over, 10))
                    self.down_until = now + max(wait, int(min(retry_after or 0, 60) * SECOND))
            case InDoubt():
                pass

    def next_turn(self, now: Instant) -> Instant:
        """When a job that finds no room should come again: in line behind those told before it, at the pace that the
        slots allow. What was sent lately says nothing of that: a provider that rested is not a slow one."""
        step = SECOND / self.rate if self.rate else max(self._took_ms, 1.0) / self.slots
        self._tail = max(self._tail, now + PARK_AT_LEAST_MS) + step
        return int(self._tail)


class Wait(Struct, frozen=True):
    """No desk can take it: `full` (soon), `down` until a time, `paused` by somebody, `none` is configured."""

    why: Literal["full", "down", "paused", "none"]
    until: Instant | None = None


class Desks:
    """All desks, by channel in order of preference."""

    def __init__(self, desks: Mapping[Channel, list[Desk]]) -> None:
        self.of = {channel: list(listed) for channel, listed in desks.items()}
        self.by_name = {desk.name: desk for listed in self.of.values() for desk in listed}
        reached = [desk.provider.facts.targets for desk in self.of.get("push", ())]
        self.targets = None if () in reached else frozenset(target for kinds in reached for target in kinds)
        """The kinds of app installation that some push provider reaches, None for all."""

    def __iter__(self) -> Iterator[Desk]:
        return iter(self.by_name.values())

    def room(self, channel: Channel, now: Instant) -> int:
        return sum(desk.room(now) for desk in self.of.get(channel, ()) if desk.down_until <= now)

    def up(self, channel: Channel, now: Instant) -> bool:
        """Whether any provider of the channel is believed to work."""
        return any(desk.down_until <= now for desk in self.of.get(channel, ()))

    def pick(self, channel: Channel, now: Instant, paused: Iterable[str], avoid: str | None) -> Desk | Wait:
        """The first desk of the channel that can take one more; the one to avoid only if it is the last."""
        listed = self.of.get(channel, [])
        if not listed:
            return Wait("none")
        open_ = [desk for desk in listed if desk.name not in paused]
        if not open_:
            return Wait("paused")
        up = [desk for desk in open_ if desk.down_until <= now]
        if not up:
            return Wait("down", min(desk.down_until for desk in open_))
        for desk in sorted(up, key=lambda desk: desk.name == avoid) if avoid else up:
            if desk.room(now) > 0:
                return desk
        return Wait("full")

    def alternatives(self, desk: Desk, now: Instant) -> bool:
        """Whether another provider of the channel could be asked at once."""
        return any(other is not desk and other.down_until <= now for other in self.of[desk.channel])
