"""The null provider: takes every message at once and sends nothing, so that benchmarks measure the gateway alone."""

from channels.contract import Accepted, Facts, Message, Outcome, Surroundings
from channels.settings import Common, Kind

FACTS = Facts(kind="null", channel=None, receipts=False, summary="takes everything at once; for benchmarks")


class NullSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Null:
    def __init__(self, settings: NullSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)

    async def start(self) -> None:
        """Nothing to open."""

    async def send(self, message: Message, timeout: float) -> Outcome:
        return Accepted(f"null-{message.reference}")

    async def close(self) -> None:
        """Nothing to release."""


KIND = Kind(FACTS, NullSettings, Null)
