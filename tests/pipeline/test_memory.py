"""What a rule looks at for long is kept for long: a letter sent in spring, the conversation that woke a cap."""

from pathlib import Path

import pytest

from gateway.domain.clock import DAY, SystemClock, format_instant
from gateway.pipeline.files import FILE_LIFE_MS, PersonFile
from gateway.policy.folder import read_folder
from gateway.policy.policy import Policy
from tests.contracts.rule import past
from tests.stories.world import ShiftedClock, World, reminder

PACK = """
code: house
title: A house that asks for a letter first, and counts from the first conversation on
version: v1
notice: Not legal advice.
rules:
  - {id: letter, kind: require, source: a story, status: verified, event: [letter.sent], scope: [recipient]}
  - {id: armed, kind: cap, source: a story, status: verified, max: 1, within: {days: 7}, counts: [sms.sent],
     scope: [recipient], active_after: [call.conversation]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "packs"
    made.mkdir()
    (made / "house.yaml").write_text(PACK)
    return made


def test_only_what_a_rule_still_looks_at_outlives_the_look_back(folder: Path) -> None:
    now = SystemClock().now()
    contacts = (
        past(now - 400 * DAY, "letter"), past(now - 400 * DAY, "call", "conversation"), past(now - 66 * DAY),
        past(now - 64 * DAY),
    )  # fmt: skip
    file = PersonFile(1, contacts, ("letter", "talk", "old", "new"))
    policy = read_folder(folder).policy()
    assert file.outdated(now, policy.memory(())) == ["old"]
    assert file.life_ms(policy.memory(()), contacts[-1]) > 1000 * DAY
    assert file.outdated(now, ()) == ["letter", "talk", "old"]
    assert file.life_ms((), contacts[-1]) == FILE_LIFE_MS
    assert Policy({}).memory() == ()


async def test_a_letter_and_a_conversation_hold_after_a_quarter_of_a_year(world: World, folder: Path) -> None:
    world.configure(policies=folder)
    clock = ShiftedClock()
    async with world.inside(clock):
        at = format_instant(clock.now())
        await world.contact("li", channel="letter", event="sent", at=at)
        await world.contact("li", channel="call", event="conversation", at=at)
        await world.emptied()
        left = await world.redis.pttl(world.keys.person("default", "li"))
        assert left > 1000 * DAY
        for month in range(3):
            clock.shift += 31 * DAY
            await world.put(reminder(f"first-{month}", "li"), reminder(f"second-{month}", "li"))
            names = [f"first-{month}", f"second-{month}"]
            await world.receipts.until(lambda names=names: all(map(world.receipts.job, names)))  # type: ignore[misc]
            told = sorted(world.receipts.statuses(name)[0] for name in names)
            assert told == ["deferred", "sent"], month
            await world.command("cancel", recipient_id="li")
            await world.emptied()
