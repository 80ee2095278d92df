"""Whether a provider is trusted: a breaker as a pure value, and the sliding minute that its doubts are budgeted over.

```
closed ─failures in a row, many among the latest, or the doubt budget spent─→ open ─pause over, one taken─→ half_open
  ↑                                                                            ↑                             │   │
  │                                                                            └─failures, a longer pause────┘   │
  └─1, 2, 4, 8 … in flight, all answered─────────────────────────────────────────────────────────────────────────┘
```

Failures are `Unavailable` and `InDoubt`; whatever is an answer (`Accepted`, `Refused`) is none.
"""

from typing import Literal, assert_never, get_args

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.clock import MINUTE, SECOND, Instant

State = Literal["closed", "open", "half_open"]
STATES: tuple[State, ...] = get_args(State)
Why = Literal["failures", "doubts", "doubt_budget"]

FAILURES_IN_A_ROW = 8
LATEST = 32
"""answers over which the share of failures is taken, the latest weighing most"""
FAILING_SHARE = 0.4
PAUSES: dict[Why, tuple[int, int]] = {
    "failures": (1 * SECOND, 30 * SECOND),
    "doubts": (1 * SECOND, 120 * SECOND),
    "doubt_budget": (30 * SECOND, 120 * SECOND),
}
"""The first pause and the longest, in ms; they double between. Where a canary may cost a message, they grow longer."""
ASKED_TO_WAIT_MOST_MS = 60 * SECOND
"""A provider's own `retry_after` is heeded so far; it may be meant for one message."""
CANARIES = 8
"""So far up the ramp any failure opens again. From there on as when closed, so that a provider whose failures are few,
but never none, comes back as well. The ramp goes so far also where there are fewer slots."""
TRUST_MS = MINUTE
"""Who opens again so soon after closing has not recovered: the pauses go on growing."""
DOUBTFUL_SHARE = 0.05
"""Of the sends of a minute so many may be in doubt, where that is more than the budget."""


class Breaker(Struct, frozen=True, kw_only=True):
    """One provider's. Every event gives the next value; times are ms, and only differences of them count."""

    state: State = "closed"
    why: Why | None = None
    """what opened it last"""
    since: Instant = 0
    """when it opened, or closed again"""
    pause: int = 0
    openings: int = 0
    """one after the other without lasting trust between them"""
    row: int = 0
    """failures in a row"""
    failing: float = 0.0
    """share of failures among the latest"""
    allowed: int = 0
    """in flight at once, while half open"""
    passed: int = 0
    """answers since `allowed` was last raised"""

    def waits(self, now: Instant) -> bool:
        """Whether the pause still lasts. Seen by a clock that was put back it is over: one canary tells more."""
        return self.state == "open" and 0 <= now - self.since < self.pause

    @property
    def until(self) -> Instant:
        return self.since + self.pause

    def most(self, now: Instant) -> int | None:
        """How many may be in flight; None: as many as there are slots."""
        match self.state:
            case "closed":
                return None
            case "open":
                return 0 if self.waits(now) else 1
            case "half_open":
                return self.allowed
            case _:
                assert_never(self.state)

    def taken(self, now: Instant) -> "Breaker":
        """A send is claimed: the first one after the pause is the canary."""
        if self.state != "open" or self.waits(now):
            return self
        return replace(self, state="half_open", allowed=1, passed=0)

    def answered(self, now: Instant, slots: int) -> "Breaker":
        """The provider answered. While open it is the answer of a send from before: it says nothing of now."""
        if self.state == "open" or (self.state == "closed" and not self.row and not self.failing):
            return self
        failing = self.failing * (1 - 1 / LATEST)
        failing = failing if failing > 1 / LATEST / 2 else 0.0
        if self.state == "closed" or self.passed + 1 < self.allowed:
            return replace(self, row=0, failing=failing, passed=self.passed + 1)
        if self.allowed < max(slots, CANARIES):
            return replace(self, row=0, failing=failing, allowed=self.allowed * 2, passed=0)
        return Breaker(since=now, failing=failing, openings=self.openings)

    def failed(self, now: Instant, why: Why, asked_ms: int = 0) -> "Breaker":
        """It did not answer, or could not; `asked_ms` is for how long it asks to be left alone."""
        if self.state == "open":
            return self
        row, failing = self.row + 1, self.failing + (1 - self.failing) / LATEST
        canary = self.state == "half_open" and self.allowed <= CANARIES
        if canary or row >= FAILURES_IN_A_ROW or failing >= FAILING_SHARE:
            return self.opened(now, why, asked_ms)
        return replace(self, row=row, failing=failing, passed=0)

    def opened(self, now: Instant, why: Why, asked_ms: int = 0) -> "Breaker":
        """Nothing more goes there for a pause, longer each time."""
        lasting = self.state == "closed" and not 0 <= now - self.since < TRUST_MS
        openings = 1 if lasting else self.openings + 1
        first, most = PAUSES[why]
        pause = max(min(most, first << min(openings - 1, 16)), min(asked_ms, ASKED_TO_WAIT_MOST_MS))
        return Breaker(state="open", why=why, since=now, pause=pause, openings=openings)


class Minute:
    """Sends and doubts of the last minute, from the counts of this minute and of the one before it."""

    def __init__(self) -> None:
        self._since: Instant = 0
        self._sent = self._doubts = 0
        self._before = (0, 0)

    def sent(self, now: Instant) -> None:
        if not 0 <= now - self._since < MINUTE:
            self._turn(now)
        self._sent += 1

    def doubted(self, now: Instant, budget: int) -> bool:
        """Counts a doubt; whether there are more of them now than may be."""
        if not 0 <= now - self._since < MINUTE:
            self._turn(now)
        self._doubts += 1
        left = 1 - (now - self._since) / MINUTE
        sent, doubts = self._sent + self._before[0] * left, self._doubts + self._before[1] * left
        return doubts > max(budget, DOUBTFUL_SHARE * sent)

    def _turn(self, now: Instant) -> None:
        follows = MINUTE <= now - self._since < 2 * MINUTE
        self._before = (self._sent, self._doubts) if follows else (0, 0)
        self._since = self._since + MINUTE if follows else now
        self._sent = self._doubts = 0
