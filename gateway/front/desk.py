"""Sends in doubt, states and acts, from the ledger; what a provider attests goes the way of its own reports."""

from typing import Any

import msgspec

from channels.contract import ProviderReceipt
from gateway.bookkeeping.acts import Act, write_down
from gateway.domain.clock import Clock
from gateway.front.behind import Behind, outage
from gateway.queries.deeds import Deeds, deeds
from gateway.queries.doubts import Doubts, doubt_of, doubts
from gateway.queries.replies import SETTLED, Of, Replies, Words, replies, words_of
from gateway.queries.standings import Standings, standings
from gateway.web.api.desk import Evidence
from gateway.web.api.principal import Principal

ATTESTED = "attested"


class HouseDesk:
    """`horizon_ms` is how long evidence of a send is waited for."""

    def __init__(self, behind: Behind, clock: Clock, horizon_ms: int) -> None:
        self._behind, self.clock, self.horizon_ms = behind, clock, horizon_ms

    async def doubts(self, tenants: frozenset[str] | None, cursor: str | None, most: int) -> Doubts:
        with outage():
            return await doubts(self._behind.ledger, tenants, cursor, most, self.horizon_ms)

    async def attest(
        self, who: Principal, tenants: frozenset[str] | None, reference: str, told: Evidence
    ) -> bool:  # fmt: skip
        with outage():
            sent = await doubt_of(self._behind.ledger, reference)
            if sent is None or (tenants is not None and sent.tenant not in tenants):
                return False
            now, store = self.clock.now(), self._behind.store
            figures = {"reference": reference, "status": told.status, "evidence": told.evidence}
            act = Act(
                who=who.id, what="attest", why=told.reason, tenant=sent.tenant, subject=sent.subject, job=sent.job,
                figures=figures,
            )  # fmt: skip
            await write_down(self._behind.ledger, act, now)
            report = ProviderReceipt(
                provider=sent.provider, reference=reference, status=told.status, code=ATTESTED, at=now
            )  # fmt: skip
            client: Any = store.redis
            await client.xadd(store.keys.callbacks, {"report": msgspec.json.encode(report)})
            return True

    async def replies(
        self, tenants: frozenset[str] | None, waiting: bool, cursor: str | None, most: int
    ) -> Replies:  # fmt: skip
        with outage():
            return await replies(self._behind.ledger, tenants, waiting, cursor, most)

    async def read_reply(self, who: Principal, tenants: frozenset[str] | None, seq: int, why: str) -> Words | None:
        found = await self._about(who, tenants, seq, "read_reply", why)
        return None if found is None else found.words

    async def settle_reply(self, who: Principal, tenants: frozenset[str] | None, seq: int, why: str) -> bool:
        return await self._about(who, tenants, seq, SETTLED, why) is not None

    async def _about(
        self, who: Principal, tenants: frozenset[str] | None, seq: int, what: str, why: str
    ) -> Of | None:  # fmt: skip
        """A reply, once it is written down what is done with it."""
        with outage():
            found = await words_of(self._behind.ledger, seq, tenants)
            if found is not None:
                act = Act(
                    who=who.id, what=what, why=why, tenant=found.tenant, subject=found.subject, figures={"reply": seq}
                )  # fmt: skip
                await write_down(self._behind.ledger, act, self.clock.now())
            return found

    async def states(
        self, tenants: frozenset[str] | None, state: str | None, cursor: str | None, most: int
    ) -> Standings:  # fmt: skip
        with outage():
            return await standings(self._behind.ledger, tenants, state, cursor, most)

    async def acts(self, tenants: frozenset[str] | None, cursor: str | None, most: int) -> Deeds:
        with outage():
            return await deeds(self._behind.ledger, tenants, cursor, most)
