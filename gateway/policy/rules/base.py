"""What every rule kind shares: whom it selects, when it is in force, whose clock it reads, and how it is questioned.

A kind answers two questions about one moment (`_opens`, `_stays`) and says what it saw (`figures`); selection, waivers
and effective dates are dealt with here, so that a kind knows nothing of them.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar, Self

from msgspec import Struct
from msgspec.structs import force_setattr

from gateway.domain.clock import DAY, HOUR, Instant, format_instant, zone
from gateway.domain.ruling import Finding, Otherwise
from gateway.domain.walltime import Day, day_number, day_start
from gateway.policy.facts import Candidate, Case
from gateway.policy.fields import Fields
from gateway.policy.holidays import Holidays
from gateway.policy.selection import Selection

HORIZON = 65 * 24 * HOUR
"""How far ahead an admissible moment is looked for; POLICY, "The judgement"."""

RECIPIENT = "recipient"
FORCES = ("statute", "guidance", "self-regulation", "provider", "house")
STATUSES = ("verified", "secondary", "unverified")
WARN = "warn"
OTHERWISE = ("defer", "drop", "next_channel", "approve", WARN)
EVER = 3 * 366 * DAY
"""How long an event is kept that counts however long it is past: 12 CFR 1006.100 asks for records of three years."""
_EARLIEST_DATE = 14 * HOUR
_LATEST_DATE = 12 * HOUR
"""A local date begins at most this long before and after its midnight in UTC."""

_EVER = -(2**62)


class Common(Struct, frozen=True, kw_only=True):
    """What a pack gives to each of its rules."""

    pack: str = ""
    """`code@version`."""
    clock: str = RECIPIENT
    holidays: dict[str, Holidays] = {}

    def holiday_list(self, fields: Fields) -> Holidays:
        """The list that the rule's key `holidays` names."""
        name = fields.text("holidays", "")
        if name and name not in self.holidays:
            known = ", ".join(sorted(self.holidays)) or "none"
            fields.wrong("holidays", f"names {name!r}, which is no list of this pack (it has {known})")
        return self.holidays.get(name, frozenset())


class Rule(Struct, frozen=True, kw_only=True):
    """One rule of a pack: a pure function of a case and a moment. Of `effective` dates the first is inside, the last
    (`until`) is not; they are local dates of the rule's clock."""

    kind: ClassVar[str]

    id: str
    source: str
    status: str
    selection: Selection
    pack: str = ""
    force: str = "house"
    otherwise: Otherwise = "defer"
    clock: str = RECIPIENT
    since: Day | None = None
    until: Day | None = None
    settled: Instant = _EVER
    """From here on the rule has begun to hold on every clock of the earth; worked out from `since`."""
    fades: Instant = -_EVER
    """Up to here it surely holds, and for a whole horizon more; worked out from `until`."""

    def __post_init__(self) -> None:
        if self.since is not None:
            force_setattr(self, "settled", self.since * DAY + _LATEST_DATE)
        if self.until is not None:
            force_setattr(self, "fades", self.until * DAY - _EARLIEST_DATE - HORIZON)

    @classmethod
    def read(cls, fields: Fields, common: Common) -> Self:
        """A rule from its keys; what is wrong with them is in `fields.faults`, and then the rule must not be used."""
        shared: dict[str, Any] = {
            "id": fields.text("id"),
            "source": fields.text("source"),
            "status": fields.text("status", one_of=STATUSES),
            "force": fields.text("force", "house", one_of=FORCES),
            "otherwise": fields.text("otherwise", "defer", one_of=OTHERWISE),
            "clock": fields.clock("clock", common.clock),
            "selection": Selection.read(fields),
            "pack": common.pack,
        }
        fields.raw("kind")
        effective = fields.section("effective")
        if effective is not None:
            shared |= {"since": _day(effective.day("from")), "until": _day(effective.day("until"))}
            effective.done()
        rule = cls(**shared, **cls.parameters(fields, common))
        fields.done()
        return rule

    # What a kind provides.

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        """Reads the keys that only this kind has."""
        raise NotImplementedError

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        """The first instant, `at` or later, at which the rule does not block."""
        raise NotImplementedError

    def _stays(self, case: Case, at: Instant) -> Instant | None:
        """Its dual: the first instant, `at` or later, at which the rule blocks. A kind that learns both from one look
        answers this; the others give `_closes`."""
        return self._closes(case, at) if self._opens(case, at) == at else at

    def _closes(self, case: Case, at: Instant) -> Instant | None:
        """The first instant after `at` at which the rule blocks, if it is known not to block at `at`."""
        raise NotImplementedError

    def idle(self, case: Case) -> bool:
        """Whether the rule surely never blocks this case, at whatever moment, because what it looks at is empty."""
        return False

    def memory(self) -> Iterator[tuple[tuple[str, ...], int]]:
        """The events that the rule looks back at (as `counts`), and how far, in ms; so long they must be kept."""
        return iter(())

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        """What the rule counted or compared at the moment, ready for JSON."""
        raise NotImplementedError

    def code(self, case: Case, at: Instant) -> str:
        """The receipt's word for a block by this rule."""
        raise NotImplementedError

    # What the judge asks.

    def selects(self, candidate: Candidate) -> bool:
        return self.selection.selects(candidate)

    def opens(self, case: Case, at: Instant) -> Instant | None:
        """The first instant, `at` or later, at which the rule does not block; None if none is within the horizon."""
        return self.opens_for(case, at) if self.selects(case.candidate) else at

    def opens_for(self, case: Case, at: Instant) -> Instant | None:
        """`opens` of a rule that is known to select the candidate."""
        if self.settled <= at < self.fades:
            return self._opens(case, at)
        begins, ends = self.in_force(case, at)
        if (begins is not None and at < begins) or (ends is not None and at >= ends):
            return at
        found = self._opens(case, at)
        return found if ends is None or (found is not None and found < ends) else ends

    def closes(self, case: Case, at: Instant) -> Instant | None:
        """The first instant, `at` or later, at which the rule blocks; None if it does not within the horizon."""
        return self.closes_for(case, at) if self.selects(case.candidate) else None

    def closes_for(self, case: Case, at: Instant) -> Instant | None:
        """`closes` of a rule that is known to select the candidate."""
        if self.settled <= at < self.fades:
            found = self._stays(case, at)
            return None if found is None or found > at + HORIZON else found
        begins, ends = self.in_force(case, at)
        if ends is not None and at >= ends:
            return None
        found = self._stays(case, at if begins is None else max(at, begins))
        return None if found is None or (ends is not None and found >= ends) or found > at + HORIZON else found

    def finding(self, case: Case, at: Instant, blocks: bool = True) -> Finding:
        """The rule weighed at `at`, with its figures."""
        until = self.opens(case, at)
        until = None if until is None or until > at + HORIZON else until
        return self._finding(blocks, until, self.code(case, at), self.figures(case, at) | self._inferred(case))

    def warning(self) -> Finding:
        """The rule that would block, if it did more than warn: without figures, for which `finding` is asked."""
        return self._finding(False, None, WARN, {})

    def _finding(self, blocks: bool, until: Instant | None, code: str, figures: dict[str, Any]) -> Finding:
        return Finding(
            rule=self.id,
            pack=self.pack,
            kind=self.kind,
            source=self.source,
            status=self.status,
            force=self.force,
            blocks=blocks,
            until=until,
            otherwise=self.otherwise,
            code=code,
            figures=figures,
        )

    def _inferred(self, case: Case) -> dict[str, Any]:
        return {"inferred": dict(case.inferred)} if case.inferred and self.clock == RECIPIENT else {}

    def holds_at(self, at: Instant) -> bool:
        """Whether the rule surely is in force at a moment, on every clock of the earth."""
        return self.settled <= at < self.fades + HORIZON

    # Whose clock.

    def zones(self, case: Case) -> tuple[str, ...]:
        """The zones whose clock the rule reads; none if one of them is unknown: then nobody may say that it is time."""
        if self.clock != RECIPIENT:
            return (self.clock,)
        return known_zones(case.zones)

    def in_force(self, case: Case, at: Instant) -> tuple[Instant | None, Instant | None]:
        """When the rule begins and ceases to hold, as far as that is not surely long past or far off. With several
        candidate zones it holds as soon and as long as it does in any."""
        return (
            self._edge(case, self.since, at, min),
            self._edge(case, self.until, at, max),
        )

    def _edge(
        self, case: Case, day: Day | None, at: Instant, pick: Callable[[Iterable[Instant]], Instant]
    ) -> Instant | None:
        if day is None:
            return None
        if at >= day * DAY + _LATEST_DATE or at + HORIZON < day * DAY - _EARLIEST_DATE:
            return day * DAY  # far enough from the date for every clock to agree which side this is
        zones = self.zones(case)
        return pick(day_start(name, day) for name in zones) if zones else day * DAY


@lru_cache(maxsize=4096)
def known_zones(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, or none if one of them is no zone: then nobody knows what time it is for the person."""
    return names if all(map(zone, names)) else ()


def leap(starts: Iterable[Callable[[Instant], Instant | None]], at: Instant) -> Instant | None:
    """The first instant, `at` or later, to which every function answers with that instant itself; None if one of them
    knows no further instant, or the horizon is passed. The functions must never answer with an earlier instant."""
    asked = tuple(starts)
    end = at + HORIZON
    while at <= end:
        latest = at
        for opens in asked:
            found = opens(latest)
            if found is None:
                return None
            latest = max(latest, found)
        if latest == at:
            return at
        at = latest
    return None


def shown(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)


def _day(value: date | None) -> Day | None:
    return None if value is None else day_number(value)
