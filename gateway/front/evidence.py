"""Bundles of evidence for those who ask over HTTP."""

from gateway.bookkeeping.evidence import TooMuch, Wanted, export
from gateway.domain.clock import Clock
from gateway.front.behind import Behind, outage
from gateway.web.api.evidence import MOST_ENTRIES, Bundle, Span, Taken
from gateway.web.api.principal import Principal


class HouseBundles:
    """Makes them from the ledger."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock

    async def take(self, who: Principal, wanted: Taken, span: Span) -> Bundle | None:
        about = Wanted(
            tenant=wanted.tenant, recipient=wanted.recipient_id, account=wanted.account, since=span.first,
            until=span.last,
        )  # fmt: skip
        books, anchors = self._behind.ledger, self._behind.anchors
        with outage():
            try:
                made = await export(books, anchors, about, who.id, wanted.reason, self.clock, MOST_ENTRIES)
            except TooMuch:
                return None
        return Bundle(made.data, made.entries, made.anchored)
