"""`window`: contact only within the hours on the local wall clock; with several candidate zones all must be open."""

from typing import Any, ClassVar

from gateway.domain.clock import Instant
from gateway.domain.walltime import date_of
from gateway.policy.facts import Case
from gateway.policy.fields import Fields
from gateway.policy.holidays import Holidays
from gateway.policy.hours import HOLIDAY, Hours, closes_at, local, opens_at, read_hours, written
from gateway.policy.rules.base import HORIZON, Common, Rule, shown


class Window(Rule, frozen=True, kw_only=True):
    """`holidays` are the dates of the pack's list that the rule names, so that the rule is whole by itself."""

    kind: ClassVar[str] = "window"

    hours: Hours
    holidays: Holidays = frozenset()

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        hours = fields.section("hours")
        if hours is None:
            fields.wrong("hours", "is missing")
        return {"hours": read_hours(hours or Fields({})), "holidays": common.holiday_list(fields)}

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        return opens_at(self.hours, zones, self.holidays, at, at + HORIZON) if zones else None

    def _stays(self, case: Case, at: Instant) -> Instant | None:
        zones = self.zones(case)
        return closes_at(self.hours, zones, self.holidays, at, at + HORIZON) if zones else at

    def _opens_in(self, name: str, at: Instant) -> Instant | None:
        return opens_at(self.hours, name, self.holidays, at, at + HORIZON)

    def code(self, case: Case, at: Instant) -> str:
        if self.hours.holiday is None:
            return "quiet_hours"
        closed = [name for name in self.zones(case) if self._opens_in(name, at) != at]
        return "holiday" if any(local(name, at)[0] in self.holidays for name in closed) else "quiet_hours"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        return {"clock": self.clock, "local": [self._seen(name, at) for name in self.zones(case)]}

    def _seen(self, name: str, at: Instant) -> dict[str, Any]:
        day, face = local(name, at)
        return {
            "zone": name,
            "date": date_of(day).isoformat(),
            "time": face,
            "hours": list(written(self.hours.on(day, self.holidays))),
            HOLIDAY: day in self.holidays,
            "opens": shown(self._opens_in(name, at)),
        }
