"""`spacing`: a least gap between two contacts."""

from typing import Any, ClassVar

from gateway.policy.fields import Fields
from gateway.policy.rules.base import Common
from gateway.policy.rules.counting import Counting
from gateway.policy.tally import read_tally
from gateway.policy.within import Within


class Spacing(Counting, frozen=True, kw_only=True):
    kind: ClassVar[str] = "spacing"

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        gap = Within("rolling", fields.duration("min_gap"))
        return {"within": gap, "tally": read_tally(fields, default=("*.*",))}
