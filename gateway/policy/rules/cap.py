"""`cap`: at most so many counted contacts in a rolling time, in so many local dates, or in a day, week or month."""

from typing import Any, ClassVar

from gateway.policy.fields import Fields
from gateway.policy.rules.base import Common
from gateway.policy.rules.counting import Counting
from gateway.policy.tally import Tally, read_counts, read_tally
from gateway.policy.within import read_within


class Cap(Counting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "cap"

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        tally = read_tally(fields)
        wake = read_counts(fields, "active_after") if "active_after" in fields else ()
        return {
            "max": fields.whole("max"),
            "within": read_within(fields),
            "tally": tally,
            "after": Tally(wake, tally.scope) if wake else None,
        }
