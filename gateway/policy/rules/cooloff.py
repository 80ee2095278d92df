"""`cooloff`: silence for some time after a contact, such as seven dates after a conversation."""

from typing import Any, ClassVar

from gateway.policy.fields import MOST_DAYS, Fields
from gateway.policy.rules.base import Common
from gateway.policy.rules.counting import Counting
from gateway.policy.tally import read_tally
from gateway.policy.within import Within


class Cooloff(Counting, frozen=True, kw_only=True):
    """The local date of the contact is day 1 of `days`; `for` is elapsed time."""

    kind: ClassVar[str] = "cooloff"

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        within = Within("days")
        if ("days" in fields) == ("for" in fields):
            fields.wrong("days", "must be there, or for instead, and not both")
            fields.raw("days"), fields.raw("for")
        elif "days" in fields:
            within = Within("days", fields.whole("days", least=1, most=MOST_DAYS))
        else:
            within = Within("rolling", fields.duration("for"))
        return {"within": within, "tally": read_tally(fields)}
