"""The campaign in short, and the proof that it bites: with a planted mistake of the protocol it must find a violation.

The seeds are fixed, the timing is not; a violation that comes once in a while is a violation.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from channels.contract import InDoubt, Message, Outcome, Provider, Unavailable
from gateway.store.redis import WRITTEN, Change
from tests.faults.mangled import mangled
from tests.faults.storm import race, storm
from tests.faults.weather import FaultyStore
from tests.stories.world import World


class ClaimedAfterTheSend(FaultyStore):
    """Acknowledges a claim before it is written, as a write-behind cache does, or a replica that is behind: the request
    leaves first."""

    late: set[asyncio.Task[list[int]]]

    async def write(self, changes: Sequence[Change], guard: int | None) -> list[int]:
        if guard is None:
            return await super().write(changes, guard)
        self.late = getattr(self, "late", set())
        task = asyncio.create_task(self._later(changes, guard))
        self.late.add(task)
        task.add_done_callback(self.late.discard)
        return [WRITTEN] * len(changes)

    async def _later(self, changes: Sequence[Change], guard: int) -> list[int]:
        await asyncio.sleep(0.05)
        return await super().write(changes, guard)


class Unversioned(FaultyStore):
    """Enters a contact into a person's file whoever changed it meanwhile: read, decide, write, and no compare."""

    async def write(self, changes: Sequence[Change], guard: int | None) -> list[int]:
        for change in changes:
            change.files = [msgspec.structs.replace(file, seen=-1) for file in change.files]
        return await super().write(changes, guard)


class Forgetful(FaultyStore):
    """Puts an entry away and forgets what became of it: an acknowledgement that is not one step with its reason."""

    async def write(self, changes: Sequence[Change], guard: int | None) -> list[int]:
        half = [Change(ack=change.ack) if guard is None and change.ack else change for change in changes]
        return await super().write(half, guard)


class Hopeful:
    """Takes every answer that was lost for a message that was not sent, and so asks for another."""

    def __init__(self, real: Provider) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def send(self, message: Message, timeout: float) -> Outcome:
        outcome = await self._real.send(message, timeout)
        return Unavailable(outcome.code, outcome.message) if isinstance(outcome, InDoubt) else outcome


async def test_a_store_that_fails_at_every_step_costs_no_promise(world: World) -> None:
    verdict = await storm(world, 1, 80)
    assert verdict.violations == {}
    assert verdict.acknowledged == verdict.ok + verdict.waiting == 80
    assert verdict.taken > 20
    assert {"refused", "unanswered", "entries repeated", "reports repeated"} <= (+verdict.injected).keys()


async def test_bent_documents_end_wait_or_are_dead_and_harm_nobody(world: World) -> None:
    verdict = await mangled(world, 1, 240)
    assert verdict.violations == {}
    assert verdict.acknowledged > 40
    assert verdict.injected["unreadable"] > 40


@pytest.mark.parametrize(
    ("store", "wrap", "kinds"),
    [
        (ClaimedAfterTheSend, None, {"duplicated", "over_cap"}),
        (Unversioned, None, {"over_cap"}),
        (Forgetful, None, {"lost", "untold"}),
        (FaultyStore, Hopeful, {"duplicated"}),
    ],
    ids=["claimed after the send", "no version compared", "acknowledged and forgotten", "doubt taken for unsent"],
)
async def test_a_planted_mistake_is_found(world: World, store: Any, wrap: Any, kinds: set[str]) -> None:
    verdict = await race(world, 3, 60, store=store, wrap=wrap, patience_s=1.5)
    assert kinds <= verdict.violations.keys(), verdict.violations


async def test_without_a_mistake_the_same_race_keeps_every_cap(world: World) -> None:
    verdict = await race(world, 1, 60)
    assert verdict.violations == {}
