"""Figures, lists and trails, from the ledger and the store."""

from typing import Any

from gateway.bookkeeping.acts import Act, write_down
from gateway.domain.clock import DAY, Clock, Instant, format_instant
from gateway.front.behind import Behind, outage
from gateway.policy.policy import Policy
from gateway.queries.backlog import Backlog, backlog
from gateway.queries.calendar import Calendar, calendar
from gateway.queries.chain import Proof, SignedHead, head_of, proof_of
from gateway.queries.engine import Engine
from gateway.queries.gauges import engine
from gateway.queries.news import News, newest, news
from gateway.queries.overview import Overview, overview
from gateway.queries.packs import Shelf, version_in_force
from gateway.queries.providers import ProviderFigures, providers
from gateway.queries.search import Filter, Page, search
from gateway.queries.trail import Line, state_of, trail_of
from gateway.store import journal
from gateway.store.policies import texts_of
from gateway.web.api.principal import Principal
from gateway.web.api.views import Reveal, Timeline, TrailLine


class LedgerViews:
    """Reads; writes nothing but who saw something in the clear."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock
        self._version: str | None = None
        self._made = Policy({})

    def _since(self, days: int) -> Instant:
        return self.clock.now() - (days - 1) * DAY

    async def overview(self, tenants: frozenset[str] | None, days: int) -> Overview:
        with outage():
            return await overview(self._behind.ledger, tenants, self._since(days))

    async def providers(
        self, tenants: frozenset[str] | None, days: int, *, names: bool
    ) -> list[ProviderFigures]:  # fmt: skip
        with outage():
            since = self._since(days) // DAY * DAY
            return await providers(self._behind.ledger, tenants, since, names=names)

    async def backlog(self, tenants: frozenset[str] | None) -> Backlog:
        with outage():
            return await backlog(self._behind.store, self._behind.books, tenants, self.clock.now())

    async def search(self, tenants: frozenset[str] | None, wanted: Filter, cursor: str | None, most: int) -> Page:
        with outage():
            return await search(self._behind.ledger, tenants, wanted, cursor, most)

    async def timeline(self, tenant: str, recipient: str, job: str, *, reveal: bool) -> Timeline | None:
        with outage():
            trail = await trail_of(self._behind.ledger, tenant, recipient, job)
        if trail is None:
            return None
        lines = [_line(line, reveal=reveal) for line in trail.lines]
        return Timeline(state=state_of(trail, tenant, recipient, job), lines=lines)

    async def note_reveal(self, who: Principal, wanted: Reveal) -> None:
        with outage():
            books = self._behind.ledger
            subject = await books.subjects.find("person", wanted.tenant, wanted.recipient_id)
            job = ""
            if subject is not None and subject.sealer is not None:
                job = subject.sealer.name("job", wanted.tenant, wanted.id)
            act = Act(
                who=who.id, what="reveal", why=wanted.reason, tenant=wanted.tenant, job=job,
                subject="" if subject is None else subject.uid,
            )  # fmt: skip
            await write_down(books, act, self.clock.now())

    async def calendar(self, tenant: str, recipient: str, first: int, last: int) -> Calendar | None:
        with outage():
            policy, now = await self._policy(), self.clock.now()
            return await calendar(self._behind.ledger, policy, tenant, recipient, first, last, now)

    async def _policy(self) -> Policy:
        """What judges now."""
        version = await version_in_force(self._behind.store)
        if version is None:
            return Policy({})
        if version != self._version:
            labels = version.split(",")
            texts = await texts_of(self._behind.store, labels)
            self._made, self._version = Shelf(texts).policy(version).policy, version
        return self._made

    async def news(self, after: int, tenants: frozenset[str] | None, most: int) -> tuple[list[News], int]:
        with outage():
            return await news(self._behind.ledger, after, tenants, most)

    async def newest(self) -> int:
        with outage():
            return await newest(self._behind.ledger)

    async def behind_s(self) -> float:
        with outage():
            store = self._behind.store
            oldest = await journal.first(store.redis, store.keys)
        return 0.0 if oldest is None else max(0, self.clock.now() - journal.place(oldest)[0]) / 1000

    async def engine(self) -> Engine:
        behind = self._behind
        with outage():
            anchors = None if behind.books is None else behind.anchors
            return await engine(behind.store, behind.books, anchors, self.clock)

    async def head(self) -> SignedHead:
        with outage():
            return await head_of(self._behind.ledger, self._behind.anchors)

    async def proof(self, seq: int, tenants: frozenset[str] | None) -> Proof | None:
        with outage():
            return await proof_of(self._behind.ledger, self._behind.anchors, seq, tenants)


def _line(line: Line, *, reveal: bool) -> TrailLine:
    secret: dict[str, Any] | None = line.secret if reveal else None
    return TrailLine(
        seq=line.seq, at=format_instant(line.at), kind=line.kind, hash=line.hash, body=line.body, secret=secret
    )  # fmt: skip
