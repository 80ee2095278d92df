"""Policies behind the API: packs from the store, proposals in the ledger's database, a backtest on its decisions."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from gateway.bookkeeping import proposals
from gateway.bookkeeping.acts import Act, write_down
from gateway.bookkeeping.proposals import Draft, No, Proposal
from gateway.domain.clock import DAY, Clock, format_instant
from gateway.front.behind import Behind, outage
from gateway.policy.folder import read_folder
from gateway.queries.backtest import Where, backtest
from gateway.queries.kept_cases import count
from gateway.queries.kept_records import pack_texts
from gateway.queries.pool import Order
from gateway.queries.simulate import Tally
from gateway.store.policies import in_force, publication, texts_of
from gateway.web.api.policies import NewProposal, PackInForce, ProposalTold, Refusal
from gateway.web.api.principal import Principal

MOST = 1_000
SAMPLES = 20


class HousePolicies:
    """What judges, what somebody wants, and what the second person says."""

    def __init__(self, behind: Behind, clock: Clock, where: Where | None, folder: Path, cool_off_ms: int) -> None:
        self._behind, self.clock, self._where, self._folder = behind, clock, where, folder
        self._cool_off_ms = cool_off_ms

    async def in_force(self) -> list[PackInForce]:
        with outage():
            name = await in_force(self._behind.store)
            found = await publication(self._behind.store, name) if name else None
            if found is None:
                return []
            texts = await texts_of(self._behind.store, found.packs.values())
        return [
            PackInForce(code=code, label=label, text=texts.get(label, ""))
            for code, label in sorted(found.packs.items())
        ]

    async def propose(self, who: Principal, wanted: NewProposal, effective: int) -> ProposalTold | Refusal:
        own = {pack.code: pack for pack in await self.in_force()}.get(wanted.code)
        draft = Draft(
            code=wanted.code, text=wanted.text, base=own.label if own else "", base_text=own.text if own else None,
            why=wanted.reason, effective=effective,
        )  # fmt: skip
        with outage():
            made = await proposals.propose(self._behind.ledger, draft, who.id, self.clock.now())
            if isinstance(made, Proposal):
                figures = {"id": made.id, "code": made.code, "digest": made.digest, "base": made.base}
                await self._act(who.id, "propose_policy", made.why, figures)
        return _answer(made)

    async def proposals(self, state: Any, code: str | None) -> list[ProposalTold]:
        with outage():
            return [_told(one) for one in await proposals.every(self._behind.ledger, state, MOST, code)]

    async def proposal(self, id_: str) -> ProposalTold | None:
        with outage():
            found = await proposals.one(self._behind.ledger, id_)
        return None if found is None else _told(found)

    async def decide(
        self, who: Principal, id_: str, digest: str, comment: str, *, approve: bool
    ) -> ProposalTold | Refusal:  # fmt: skip
        wanted = await self.proposal(id_)
        if wanted is None:
            return Refusal("gone", "there is no such proposal")
        base = {pack.code: pack.label for pack in await self.in_force()}.get(wanted.code, "")
        with outage():
            figures = {"id": id_, "code": wanted.code, "digest": digest}
            word = "approve_policy" if approve else "return_policy"
            done = await proposals.decide(
                self._behind.ledger, id_, digest, base, who.id, comment, self.clock.now(), self._cool_off_ms,
                yes=approve,
            )  # fmt: skip
            said = {"refused": done.sentence} if isinstance(done, No) else {"effective": done.effective}
            await self._act(who.id, word, comment, {**figures, **said})
        return _answer(done)

    async def backtest(self, id_: str, days: int) -> dict[str, Any] | None:
        wanted = await self.proposal(id_)
        if wanted is None or self._where is None:
            return None
        packs = {pack.code: pack.text for pack in await self.in_force()} | {wanted.code: wanted.text}
        earliest = self.clock.now() - days * DAY
        with outage():
            entries = await count(self._behind.ledger, earliest)
            texts = await pack_texts(self._behind.ledger)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            await asyncio.to_thread(_write, folder, packs)
            order = Order(policy=folder, configured=self._folder, texts=texts, since=None, samples=SAMPLES)
            tally = await asyncio.to_thread(backtest, order, self._where, earliest, entries, lambda _: None)
            return _document(tally, read_folder(folder).policy().faults)

    async def _act(self, who: str, what: str, why: str, figures: dict[str, Any]) -> None:
        await write_down(self._behind.ledger, Act(who=who, what=what, why=why, figures=figures), self.clock.now())


def _write(folder: Path, packs: dict[str, str]) -> None:
    for code, text in packs.items():
        (folder / f"{code}.yaml").write_text(text, encoding="utf-8")


def _document(tally: Tally, faults: tuple[str, ...]) -> dict[str, Any]:
    return {
        "decisions": tally.read, "effects": dict(tally.effects), "irreproducible": tally.irreproducible,
        "rules": [{"rule": rule, "change": change, "decisions": n} for (rule, change), n in tally.rules.most_common()],
        "places": [
            {"jurisdiction": place, "channel": channel, "effect": effect, "decisions": n}
            for (place, channel, effect), n in tally.places.most_common()
        ],
        "samples": tally.samples, "faults": list(faults),
    }  # fmt: skip


def _answer(done: Proposal | No) -> ProposalTold | Refusal:
    return Refusal(done.word, done.sentence) if isinstance(done, No) else _told(done)


def _told(one: Proposal) -> ProposalTold:
    return ProposalTold(
        id=one.id, code=one.code, base=one.base, digest=one.digest, looser=one.looser, changes=one.changes,
        state=one.state, proposer=one.proposer, proposed_at=format_instant(one.proposed), reason=one.why,
        effective_from=format_instant(one.effective), decider=one.decider, comment=one.comment, text=one.text,
        decided_at=None if one.decided is None else format_instant(one.decided),
    )  # fmt: skip
