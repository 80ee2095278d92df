"""Keeps the policy in force: publishes what changes in the folder of packs, and adopts what was published.

A worker adopts another policy at the first observation that names it, and a claim is written only while the policy that
judged it is in force; so from the moment of publication nobody is contacted by the rules of before.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from gateway.domain.clock import Clock, format_instant
from gateway.pipeline.metrics import Metrics
from gateway.policy.folder import Folder, Marks, marks_of, read_at_rest
from gateway.policy.pack import Pack, parse_pack, run_examples
from gateway.policy.policy import Policy
from gateway.store.keys import RULED
from gateway.store.policies import (
    Approved,
    Offer,
    Offered,
    approvals,
    effective,
    in_force,
    mark_woken,
    name_of,
    publication,
    publish,
    texts_of,
    woken,
)
from gateway.store.redis import Store, StoreError

LOOK_S = 0.2
"""A change is taken up when the folder looks the same at two looks: whoever writes it may be in the middle."""
LOOSER_S = 3.0
"""How long a folder must be at rest before it takes a rule away: every third beginning of a pack is a pack too."""
ORPHANED_LOOKS = 15
"""after so many looks anybody wakes what waits: the process that published ended before it did"""

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
        self._offered: str | None = None
        """the name of what was read last"""
        self._compared: str | None = None
        """the name in force with which the folder was compared last"""
        self._refused = False
        self._published: str | None = None
        self._orphaned = 0

    async def begin(self) -> Policy:
        """The policy to start with: the folder's, unless a later one is in force. A folder with a mistake in it changes
        nothing, but if nothing is in force yet there is nothing to judge by: raises PolicyError."""
        name = await in_force(self.store)
        if name is not None:
            with contextlib.suppress(PolicyError):  # this release cannot read it; the folder's may take its place
                await self.adopt(name)
        await self._rest(LOOK_S)
        faults = await self._offer(edited=False, rested_s=0)
        while faults is None:
            await self._rest(LOOSER_S)
            faults = await self._offer(edited=False, rested_s=LOOSER_S)
        name = await in_force(self.store)
        if name is None:
            raise PolicyError(*faults)
        return await self.adopt(name)

    async def _rest(self, seconds: float) -> None:
        """Until nothing in the folder has changed for so long."""
        before = None
        while before != (before := await asyncio.to_thread(marks_of, self.folder)):  # noqa: ASYNC110 - others write it
            await asyncio.sleep(seconds)

    async def adopt(self, name: str) -> Policy:
        """The published policy of that name. Raises PolicyError if this release cannot read it."""
        if self._adopted.published != name:
            self._adopted = await self._read(name)
            self.metrics.policy_in_force(pack.label for pack in self._adopted.packs.values())
            log.info("policy_adopted", policy=name, count=len(self._adopted.packs))
        return self._adopted

    async def watch(self) -> None:
        """Runs until it is cancelled: sees every change of the folder, and what others publish."""
        loop = asyncio.get_running_loop()
        seen, since = self._marks, loop.time()
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                marks = await asyncio.to_thread(marks_of, self.folder)
                marks = (*marks, *_marks(effective(await approvals(self.store), self.clock.now())))
                if marks != seen:
                    seen, since = marks, loop.time()
                else:
                    await self._look(marks != self._marks, loop.time() - since)
            except PolicyError as error:
                log.error("policy_unreadable", faults=error.faults)
            except (StoreError, OSError) as error:
                log.warning("store_trouble", what="policies", error=type(error).__name__)

    async def _look(self, changed: bool, rested_s: float) -> None:
        """What there is to do about a folder at rest and the policy in force."""
        name = await in_force(self.store)
        if changed or (name is None and not self._refused):
            await self._offer(edited=changed, rested_s=rested_s)
        elif name is not None and name not in (self._offered, self._compared):
            await self._compare(name, rested_s)
        elif name is not None:
            await self.adopt(name)
            await self._wake(name)

    async def _compare(self, name: str, rested_s: float) -> None:
        """Another policy is in force than the folder's: somebody published it, or the store was set back to an older
        state. Of the same folder the one changed later holds."""
        self._compared = name
        held = await publication(self.store, name)
        if held is not None and held.path == str(self.folder):
            await self._offer(edited=False, rested_s=rested_s)

    async def _offer(self, edited: bool, rested_s: float) -> tuple[str, ...] | None:
        """Publishes the folder as it is now, if it is whole; what is wrong with it, or None if it is too early to say.
        An edit that this process saw wins; a folder that it finds when it starts does not if its age is behind."""
        marks, folder = await asyncio.to_thread(read_at_rest, self.folder)
        approved = effective(await approvals(self.store), self.clock.now())
        marks, folder = (*marks, *_marks(approved)), _overlaid(folder, approved)
        policy = await asyncio.to_thread(folder.policy)
        name, faults = name_of(folder.texts), (*policy.faults, *await self._gone(folder))
        if not faults and rested_s < LOOSER_S and not self._adopted.rules <= policy.rules:
            return None
        self.metrics.policy_faults.set(len(faults))
        if faults:
            log.error("policy_refused", faults=faults, policy=self._adopted.published)
        elif not edited or name != self._offered:  # what is no pack changes the folder's age too
            await self._publish(name, folder, policy, edited)
            self._offered = name
        self._marks, self._refused = marks, bool(faults)
        return faults

    async def _gone(self, folder: Folder) -> list[str]:
        """Packs in force that came from this folder and are not there any more: a share that is not mounted must not
        lift the law."""
        held = await publication(self.store, self._adopted.published or "")
        if held is None or held.path != folder.path:
            return []
        why = "is in force and not here any more; to withdraw it, leave it with `rules: []`"
        return [f"{folder.path}/{code}.yaml: {why}" for code in held.packs if code not in folder.texts]

    async def _publish(self, name: str, folder: Folder, policy: Policy, edited: bool) -> None:
        offer = Offer(
            name=name, texts=folder.texts, path=folder.path, age=folder.age, edited=edited,
            labels={pack.code: pack.label for pack in policy.packs.values()}, at=format_instant(self.clock.now()),
        )  # fmt: skip
        match await publish(self.store, offer):
            case Offered.PUBLISHED:
                self._published = name
                log.info("policy_published", policy=name, count=len(offer.texts))
                if not offer.texts:
                    log.error("policy_empty", folder=folder.path, why="no pack forbids anything")
                await self._prove(list(policy.packs.values()))
            case Offered.OUTDATED:
                why = "the same folder, changed later, is in force; change a file to put this one in force"
                log.warning("policy_outdated", folder=folder.path, why=why)
            case Offered.IN_FORCE:
                pass

    async def _wake(self, name: str) -> None:
        """What waits because of a rule is judged anew, once: by the process that published, or, if that ended before,
        by whoever sees it."""
        if await woken(self.store) != name:
            self._orphaned += 1
            if self._published != name and self._orphaned < ORPHANED_LOOKS:
                return
            await self.store.wake(RULED, self.clock.now())
            await mark_woken(self.store, name)
        self._orphaned = 0

    async def _prove(self, packs: list[Pack]) -> None:
        """An officer's own worked cases do not hold a policy up, but that they disagree must be seen."""
        wrong = [sentence for pack in packs for sentence in await asyncio.to_thread(run_examples, pack)]
        if wrong:
            log.warning("policy_examples_disagree", faults=wrong)

    async def _read(self, name: str) -> Policy:
        found = await publication(self.store, name)
        if found is None:
            raise PolicyError(f"the store names the policy {name} and does not hold it")
        texts = await texts_of(self.store, found.packs.values())
        packs: dict[str, Pack] = {}
        for code, label in found.packs.items():
            if label not in texts:
                raise PolicyError(f"the store names the pack {label} and does not hold it")
            pack, faults = parse_pack(texts[label], code, f"the published pack {label}", label)
            if pack is None or faults:
                raise PolicyError(*faults)
            packs[code] = pack
        return Policy(packs, published=name)


def _marks(approved: Mapping[str, Approved]) -> Marks:
    """What was approved, as one more thing that may change."""
    return tuple((code, one.effective, len(one.text), 0) for code, one in sorted(approved.items()))


def _overlaid(folder: Folder, approved: Mapping[str, Approved]) -> Folder:
    """The folder, but for the packs that two people approved: theirs hold until others are approved."""
    if not approved:
        return folder
    latest = max(one.effective for one in approved.values()) * 1_000_000
    texts = {**folder.texts, **{code: one.text for code, one in approved.items()}}
    return msgspec.structs.replace(folder, texts=texts, age=max(folder.age, latest))
