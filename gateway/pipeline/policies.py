"""Keeps the policy in force: publishes what changes in the folder of packs, and adopts what was published.

A worker adopts another policy at the first observation that names it, and a claim is written only while the policy that
judged it is in force; so from the moment of publication nobody is contacted by the rules of before.
"""

import asyncio
from pathlib import Path

import structlog

from gateway.domain.clock import Clock, format_instant
from gateway.pipeline.metrics import Metrics
from gateway.policy.folder import Folder, Marks, marks_of, read_at_rest
from gateway.policy.pack import Pack, parse_pack, run_examples
from gateway.policy.policy import Policy
from gateway.store.keys import RULED
from gateway.store.policies import Offer, Offered, in_force, name_of, publication, publish, texts_of
from gateway.store.redis import Store, StoreError

LOOK_S = 0.2
"""A change is taken up when the folder looks the same at two looks: whoever writes it may be in the middle."""

log = structlog.get_logger("gateway.policies")


class PolicyError(Exception):
    """No policy can be had that everything could be judged by; `faults` are sentences. Nothing is sent meanwhile."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Policies:
    """The folder of this process and the policy in force in the store."""

    def __init__(self, store: Store, folder: Path, clock: Clock, metrics: Metrics) -> None:
        self.store, self.folder, self.clock, self.metrics = store, folder, clock, metrics
        self._adopted = Policy({})
        self._marks: Marks = ()
        """of the folder that was offered last"""

    async def begin(self) -> Policy:
        """The policy to start with: the folder's, unless a later one is in force. A folder with a mistake in it changes
        nothing, but if nothing is in force yet there is nothing to judge by: raises PolicyError."""
        faults = await self._offer()
        name = await in_force(self.store)
        if name is None:
            raise PolicyError(*faults)
        return await self.adopt(name)

    async def adopt(self, name: str) -> Policy:
        """The published policy of that name. Raises PolicyError if this release cannot read it."""
        if self._adopted.published != name:
            self._adopted = await self._read(name)
            self.metrics.policy_in_force(pack.label for pack in self._adopted.packs.values())
            log.info("policy_adopted", policy=name, count=len(self._adopted.packs))
        return self._adopted

    async def watch(self) -> None:
        """Runs until it is cancelled: sees every change of the folder, and what others publish."""
        before = self._marks
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                name, marks = await in_force(self.store), await asyncio.to_thread(marks_of, self.folder)
                at_rest, before = marks == before, marks
                if name is None or (at_rest and marks != self._marks):
                    await self._offer()
                elif name != self._adopted.published:
                    await self.adopt(name)
            except PolicyError as error:
                log.error("policy_unreadable", faults=error.faults)
            except (StoreError, OSError) as error:
                log.warning("store_trouble", what="policies", error=type(error).__name__)

    async def _offer(self) -> tuple[str, ...]:
        """Publishes the folder as it is now, if it is whole; what is wrong with it."""
        marks, folder = await asyncio.to_thread(read_at_rest, self.folder)
        policy = await asyncio.to_thread(folder.policy)
        self.metrics.policy_faults.set(len(policy.faults))
        if policy.faults:
            log.error("policy_refused", faults=policy.faults, policy=self._adopted.published)
        else:
            await self._publish(folder, policy)
        self._marks = marks
        return policy.faults

    async def _publish(self, folder: Folder, policy: Policy) -> None:
        offer = Offer(
            name=name_of(folder.texts), texts=folder.texts, path=folder.path, age=folder.age,
            labels={pack.code: pack.label for pack in policy.packs.values()}, at=format_instant(self.clock.now()),
        )  # fmt: skip
        match await publish(self.store, offer):
            case Offered.PUBLISHED:
                log.info("policy_published", policy=offer.name, count=len(offer.texts))
                await self.store.wake(RULED, self.clock.now())
                await self._prove(list(policy.packs.values()))
            case Offered.OUTDATED:
                log.warning(
                    "policy_outdated",
                    folder=folder.path,
                    why="this folder, as it was changed later on another host, is in force",
                )
            case Offered.IN_FORCE:
                pass

    async def _prove(self, packs: list[Pack]) -> None:
        """An officer's own worked cases do not hold a policy up, but that they disagree must be seen."""
        wrong = [sentence for pack in packs for sentence in await asyncio.to_thread(run_examples, pack)]
        if wrong:
            log.warning("policy_examples_disagree", faults=wrong)

    async def _read(self, name: str) -> Policy:
        found = await publication(self.store, name)
        if found is None:
            raise PolicyError(f"the store names the policy {name} and does not hold it")
        packs: dict[str, Pack] = {}
        for code, text in (await texts_of(self.store, found.packs)).items():
            label = found.packs[code]
            pack, faults = (None, ["is not in the store"]) if text is None else parse_pack(text, code, "", label)
            if pack is None or faults:
                raise PolicyError(*(f"the published pack {label} cannot be used: {fault}" for fault in faults))
            packs[code] = pack
        return Policy(packs, published=name)
