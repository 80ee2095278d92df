"""How a person's limits stand: what is used, what it counts, and the very second from which the next may go."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.domain.clock import HOUR, SECOND, Instant, parse_instant
from gateway.domain.ruling import Look
from gateway.policy.facts import Candidate, PastContact
from gateway.policy.pack import parse_pack
from gateway.policy.policy import Policy
from gateway.queries.kept_cases import Fact, Known
from gateway.queries.limits import Outlook, judged
from tests.stories.test_api import answering, free_port
from tests.stories.test_api_views import KEYS, Desk
from tests.stories.test_ledger import caught_up
from tests.stories.world import World, reminder

NOON = parse_instant("2026-11-25T12:00:00Z")
ZONE = "Europe/Berlin"


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(policies=world.policy(2), web={"port": port, "keys": KEYS}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield Desk(world, f"http://127.0.0.1:{port}", session)


async def test_a_limit_tells_what_it_counts_and_when_the_next_is_free(desk: Desk) -> None:
    world = desk.world
    for name in ("first", "second", "third"):
        await world.put(reminder(name, "ann", tenant="cards"))
        await world.receipts.until(lambda name=name: bool(world.receipts.job(name)))  # type: ignore[misc]
    held = world.receipts.last("third")["reason"]
    await caught_up(world)
    status, seen = await desk.ask("/v1/people/cards/ann/calendar", "ops")
    assert status == 200
    [limit] = seen["outlook"]["limits"]
    assert (limit["rule"], limit["used"], limit["most"], limit["blocks"]) == ("house.cap", 2, 2, True)
    assert len(limit["counted"]) == 2
    assert 0 <= parse_instant(held["until"]) - parse_instant(limit["frees_at"]) < SECOND, "in whole seconds the same"
    [sms] = [one for one in seen["outlook"]["channels"] if one["channel"] == "sms"]
    assert (sms["decision"], sms["earliest"], sms["blocked_by"]) == ("defer", held["until"], ["house.cap"])
    assert seen["outlook"]["zones"] == [ZONE]
    status, _ = await desk.ask("/v1/people/cards/nobody/calendar", "ops")
    assert status == 404


def look(now: Instant) -> Look:
    return Look(at=now, policy="", tzdata="", zones=(ZONE,), jurisdictions=("DE",), inferred={}, weighed=[])


def sent(at: Instant, number: int) -> Fact:
    contact = PastContact(at=at, channel="sms", event="sent", recipient="p", account="a", address="x")
    return Fact(name=f"c:{number}", value=contact, seq=number, gone=None)


PACK = """
code: house
title: x
version: "1"
notice: x
clock: recipient
rules:
  - {id: house.week, kind: cap, force: house, source: x, status: verified, max: 3, within: {days: 7},
     counts: ["*.sent"], scope: [recipient]}
  - {id: house.day, kind: cap, force: house, source: x, status: verified, max: 2, within: {rolling: PT24H},
     counts: ["*.sent"], scope: [recipient]}
  - {id: house.gap, kind: spacing, force: house, source: x, status: verified, min_gap: PT2H, scope: [recipient]}
"""


def at(moments: list[Instant], now: Instant) -> Outlook:
    pack, faults = parse_pack(PACK, "house", "house")
    assert pack is not None, faults
    asked = {"sms": Candidate(channel="sms", recipient="p", account="a", address="x")}
    known = Known([sent(moment, number) for number, moment in enumerate(moments)], [])
    return judged(Policy({"house": pack}), look(now), asked, known, {}, now)


@pytest.mark.parametrize("moments", [[1], [3, 30, 60], [1, 5, 100], [25, 26, 27], [1, 2, 3]])
def test_one_second_before_the_limit_holds_and_then_it_does_not(moments: list[int]) -> None:
    before = [NOON - hours * HOUR for hours in sorted(moments, reverse=True)]
    [channel] = at(before, NOON).channels
    limits = at(before, NOON).limits
    assert [limit.rule for limit in limits if limit.blocks] == channel.blocked_by
    for limit in limits:
        assert limit.used == len(limit.counted)
        assert all(parse_instant(limit.since) <= parse_instant(one.at) for one in limit.counted)
        if limit.frees_at is not None:
            free = parse_instant(limit.frees_at)
            assert _blocks(at(before, free - SECOND), limit.rule)
            assert not _blocks(at(before, free), limit.rule)
    if channel.decision == "defer":
        assert channel.earliest is not None
        [then] = at(before, parse_instant(channel.earliest)).channels
        [just_before] = at(before, parse_instant(channel.earliest) - SECOND).channels
        assert (just_before.decision, then.decision) == ("defer", "allow")


def _blocks(seen: Outlook, rule: str) -> bool:
    return next(limit.blocks for limit in seen.limits if limit.rule == rule)
