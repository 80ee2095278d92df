"""The desks: one per provider, with slots, rate and a breaker of its own, so that a sick provider harms nobody else."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, assert_never

import structlog
from msgspec import Struct

from channels.contract import TOO_LATE, Accepted, Channel, InDoubt, Outcome, Provider, Refused, Unavailable
from gateway.domain.clock import MINUTE, SECOND, Instant
from gateway.pipeline.breaker import Breaker, Minute
from gateway.pipeline.shares import next_share, parts, turn

TOKEN_LIFE_MS = 100
"""A granted message of the rate that is not used at once is not saved up: rates hold over every second."""
PARK_AT_LEAST_MS = 250
SPREAD_MOST_MS = 2 * MINUTE
"""Who waits for a provider that is down is not told to wait longer than this after the others."""
FIRST_GUESS_MS = 100
"""how long a send is thought to take before one has been seen"""
SMOOTHING = 16
"""sends over which the mean is taken"""
SILENT_MS, SILENT_TIMES, SILENT_FROM = 3 * SECOND, 4, 4
"""With nothing heard for so long, and for so many times the mean, while so many sends or more are under way, no more go
there until something is heard: each of them would be one more doubt. Silence is no failure; every send ends."""
MEASURED_MS = MINUTE
"""for so long a measured time is one of lately"""

log = structlog.get_logger("gateway.desks")


class Desk:
    """One provider at work. `free` slots are claims that may be opened now; whoever takes one gives it back. `weight`
    and `doubts` are those of `channels.settings.Common`."""

    def __init__(
        self, channel: Channel, provider: Provider, slots: int, timeout: float, rate: float | None,
        weight: int | None = None, doubts: int = 20,
    ) -> None:  # fmt: skip
        self.channel, self.provider, self.name = channel, provider, provider.name
        self.slots, self.free, self.timeout, self.rate = slots, slots, timeout, rate
        self.weight, self.doubts = weight, doubts
        self.breaker = Breaker()
        self.share, self.credit = 1.0, 0.0
        """what its speed leaves it of its part, and what it is owed of turns"""
        self._closed = True
        self._minute = Minute()
        self._tokens, self._tokens_until = 0, 0
        self._took_ms = float(FIRST_GUESS_MS)
        self._measured: Instant | None = None
        self._heard: Instant = 0
        self._crowd = slots - SILENT_FROM

    def reaches(self, targets: Sequence[str]) -> bool:
        """Whether it reaches any of these kinds of push target; one that names none reaches all."""
        own = self.provider.facts.targets
        return not own or not targets or any(target in own for target in targets)

    def wants_tokens(self, now: Instant) -> bool:
        """Whether messages of the rate must be leased before anything can go."""
        return (
            self.rate is not None and (self._tokens <= 0 or now >= self._tokens_until) and self._unclaimed(now) > 0
        )  # fmt: skip

    def granted(self, tokens: int, now: Instant) -> None:
        self._tokens, self._tokens_until = tokens, now + TOKEN_LIFE_MS

    def room(self, now: Instant) -> int:
        """How many claims may be opened at this moment."""
        free = self._unclaimed(now)
        if self.rate is None:
            return free
        return min(free, self._tokens if now < self._tokens_until else 0)

    def _unclaimed(self, now: Instant) -> int:
        """Slots that health allows to be taken."""
        free = self.free
        if self._closed:
            return free if free > self._crowd or not self._silent(now) else 0
        most = self.breaker.most(now)
        return free if most is None else max(0, min(free, most - (self.slots - free)))

    def _silent(self, now: Instant) -> bool:
        return now - self._heard > max(SILENT_MS, SILENT_TIMES * self._took_ms)

    def down(self, now: Instant) -> bool:
        """Whether it is left alone for a while."""
        return not self._closed and self.breaker.waits(now)

    def take(self, now: Instant) -> None:
        if self.free == self.slots:
            self._heard = now
        self.free -= 1
        self._tokens -= 1
        if not self._closed:
            self.breaker = self.breaker.taken(now)

    def give_back(self) -> None:
        self.free += 1

    def learn(self, outcome: Outcome, now: Instant, took_ms: int) -> None:
        """What one request says of the provider's health."""
        match outcome:
            case Accepted() | Refused():
                self._took_ms += (took_ms - self._took_ms) / SMOOTHING
                self._measured = now
                after = self.breaker.answered(now, self.slots)
            case Unavailable(code=code) if code == TOO_LATE:  # says nothing of the provider: nobody was asked
                return
            case Unavailable(retry_after=asked):
                after = self.breaker.failed(now, "failures", int((asked or 0) * SECOND))
            case InDoubt():
                after = self.breaker.failed(now, "doubts")
            case _:
                assert_never(outcome)
        self._heard = now
        self._minute.sent(now)
        if after is not self.breaker:
            self._become(after)

    def doubted(self, now: Instant) -> None:
        """A message is in doubt for good. More of them than may be, and the provider is left alone: whatever is the
        matter with it, each one may be a person who was not reached."""
        if self._minute.doubted(now, self.doubts) and self._closed:
            self._minute = Minute()
            self._become(self.breaker.opened(now, "doubt_budget"))
            log.error("doubt_budget_spent", provider=self.name, channel=self.channel, wait_ms=self.breaker.pause)

    def _become(self, after: Breaker) -> None:
        before, self.breaker = self.breaker, after
        self._closed = after.state == "closed"
        if after.state != before.state:
            wait = after.pause if after.state == "open" else None
            log.warning("breaker", provider=self.name, state=after.state, why=after.why, wait_ms=wait)

    @property
    def pace_ms(self) -> float:
        """The time from one send to the next when all slots are busy. What was sent lately says nothing of that: a
        provider that rested is not a slow one."""
        return SECOND / self.rate if self.rate else max(self._took_ms, 1.0) / self.slots

    def mean_ms(self, now: Instant) -> float | None:
        """How long an answer takes lately; None where none came lately."""
        lately = self._measured is not None and 0 <= now - self._measured < MEASURED_MS
        return self._took_ms if lately else None


class Wait(Struct, frozen=True):
    """No desk can take it: `full` (soon), `down` until a time, `paused` by somebody, `none` is configured."""

    why: Literal["full", "down", "paused", "none"]
    until: Instant | None = None


class Desks:
    """All desks, by channel in order of preference."""

    def __init__(self, desks: Mapping[Channel, list[Desk]]) -> None:
        self.of = {channel: list(listed) for channel, listed in desks.items()}
        self.by_name = {desk.name: desk for listed in self.of.values() for desk in listed}
        self._weighted = {channel: any(d.weight is not None for d in listed) for channel, listed in self.of.items()}
        self._reviewed: dict[Channel, Instant] = {}
        self._turns: dict[Channel, tuple[Instant, float]] = {}
        reached = [desk.provider.facts.targets for desk in self.of.get("push", ())]
        self.targets = None if () in reached else frozenset(target for kinds in reached for target in kinds)
        """The kinds of app installation that some push provider reaches, None for all."""

    def __iter__(self) -> Iterator[Desk]:
        return iter(self.by_name.values())

    def room(self, channel: Channel, now: Instant) -> int:
        return sum([desk.room(now) for desk in self.of.get(channel, ())])

    def up(self, channel: Channel, now: Instant) -> bool:
        """Whether any provider of the channel is believed to work."""
        return any(not desk.down(now) for desk in self.of.get(channel, ()))

    def pick(
        self, channel: Channel, now: Instant, paused: Iterable[str], avoid: str | None, target: str | None = None
    ) -> Desk | Wait:
        """The desk of the channel whose turn it is among those that can take one more, and that reach the kind of push
        target where there is one; the one to avoid only if it is the last. Each answer is a turn."""
        listed = self.of.get(channel, [])
        if target is not None:
            listed = [desk for desk in listed if desk.reaches((target,))]
        if not listed:
            return Wait("none")
        fit: list[Desk] = []
        why: Literal["full", "down", "paused"] = "paused"
        for desk in listed:
            if desk.name in paused:
                continue
            if desk.down(now):
                why = "down" if why == "paused" else why
                continue
            why = "full"
            if desk.room(now) > 0:
                fit.append(desk)
        if len(listed) > 1:
            self._review(channel, now)
            if len(fit) > 1:
                return self._choose([desk for desk in fit if desk.name != avoid], self._weighted[channel])
        if fit:
            return fit[0]
        if why != "down":
            return Wait(why)
        opens = min(desk.breaker.until for desk in listed if desk.name not in paused)
        return Wait(why, int(self._turn_after(channel, now, opens, SPREAD_MOST_MS)))

    def _choose(self, fit: list[Desk], weighted: bool) -> Desk:
        """By order or weight. Who has no part is asked when nobody has one, in order."""
        if len(fit) == 1 or (not weighted and fit[0].share == 1.0):
            return fit[0]
        given = parts([desk.share for desk in fit], [_weight(desk) for desk in fit] if weighted else None)
        credits = [desk.credit for desk in fit]
        place = turn(credits, given)
        for desk, credit in zip(fit, credits, strict=True):
            desk.credit = credit
        return fit[place or 0]

    def _review(self, channel: Channel, now: Instant) -> None:
        """Once a second: who is slow beside the others loses of its share, the others regain."""
        past = now - self._reviewed.get(channel, 0)
        if 0 <= past < SECOND:
            return
        self._reviewed[channel] = now
        seconds = min(max(past, SECOND), MINUTE) / SECOND
        for desk in self.of[channel]:
            own = desk.mean_ms(now)
            healthy = [other for other in self.peers(desk) if other is not desk and other.breaker.state == "closed"]
            means = [mean for other in healthy if (mean := other.mean_ms(now)) is not None]
            fastest = min(means, default=None) if healthy else own  # alone, nobody is slow
            desk.share = next_share(desk.share, own, fastest, seconds)

    def parts(self, channel: Channel, now: Instant) -> dict[str, float]:
        """What each provider is given of the messages that it reaches, while all that are up have room."""
        return {desk.name: self._part(desk, now) for desk in self.of.get(channel, ())}

    def _part(self, desk: Desk, now: Instant) -> float:
        up = [peer for peer in self.peers(desk) if not peer.down(now)]
        if desk not in up:
            return 0.0
        weights = [_weight(peer) for peer in up] if self._weighted[desk.channel] else None
        given = parts([peer.share for peer in up], weights)
        if not any(given):
            given[0] = 1.0
        return given[up.index(desk)] / sum(given)

    def peers(self, desk: Desk) -> list[Desk]:
        """The providers of its channel, itself among them, that reach what it reaches."""
        return [other for other in self.of[desk.channel] if other.reaches(desk.provider.facts.targets)]

    def alternatives(self, desk: Desk, now: Instant) -> bool:
        """Whether another provider of the channel could be asked at once."""
        return any(other is not desk and not other.down(now) for other in self.peers(desk))

    def next_turn(self, channel: Channel, now: Instant) -> Instant:
        """When a job that finds no room should come again: in line behind those told before it, at the pace that the
        slots allow."""
        return int(self._turn_after(channel, now, now + PARK_AT_LEAST_MS, None))

    def _turn_after(self, channel: Channel, now: Instant, first: Instant, most: int | None) -> float:
        """The next place in the line of those who come again: one at `first`, as the canary where all are down, those
        behind it at the pace of the slots, so that no herd comes back."""
        seen, tail = self._turns.get(channel, (now, 0.0))
        if now < seen:  # the clock was put back, and the line with it
            tail -= seen - now
        pace = 1 / sum([1 / desk.pace_ms for desk in self.of[channel]])
        turn = max(tail + pace, float(first))
        if most is not None:
            turn = min(turn, float(first + most))
        self._turns[channel] = now, turn
        return turn


def _weight(desk: Desk) -> int:
    return 1 if desk.weight is None else desk.weight
