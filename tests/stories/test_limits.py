"""How a person's limits stand: what is used, what it counts, and the very second from which the next may go."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.domain.clock import HOUR, SECOND, Instant, format_instant, parse_instant
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


@asynccontextmanager
async def desk_of(world: World, most: int) -> AsyncIterator[Desk]:
    """A house where so many contacts are allowed in 24 hours."""
    port = free_port()
    ledger = {"url": f"sqlite:///{world.folder}/ledger.db"}
    world.configure(policies=world.policy(most), web={"port": port, "keys": KEYS}, ledger=ledger)
    async with world.worker("worker", "web", "ledger"), aiohttp.ClientSession() as session:
        await answering(session, port)
        yield Desk(world, f"http://127.0.0.1:{port}", session)


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    async with desk_of(world, 2) as desk:
        yield desk


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


async def test_a_limit_that_two_channels_share_stands_there_once_also_while_it_is_not_full(world: World) -> None:
    everywhere = {"channels": ["sms", "email"], "strategy": "all", "tenant": "cards"}
    async with desk_of(world, 9) as desk:
        for account in ("one", "two"):
            await world.put(
                reminder(account, "bea", **everywhere, account=account, recipient={"email": "b@example.com"})
            )
        await world.receipts.ended("one", "two")
        await caught_up(world)
        status, seen = await desk.ask("/v1/people/cards/bea/calendar", "compliance")
    assert status == 200
    assert {one["channel"] for one in seen["outlook"]["channels"]} == {"sms", "email"}
    [limit] = seen["outlook"]["limits"]
    assert sorted(limit["channels"]) == ["email", "sms"]
    assert (limit["used"], limit["most"], limit["unit"], limit["size"]) == (4, 9, "rolling", 86_400)
    assert (limit["blocks"], limit["frees_at"], limit["account"]) == (False, None, None)


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


def candidate(channel: str = "sms", account: str = "a") -> Candidate:
    return Candidate(channel=channel, recipient="p", account=account, address="x")


def house(text: str) -> Policy:
    pack, faults = parse_pack(text, "house", "house")
    assert pack is not None, faults
    return Policy({"house": pack})


def at(moments: Sequence[Instant], now: Instant, text: str = PACK, *asked: Candidate) -> Outlook:
    known = Known([sent(moment, number) for number, moment in enumerate(moments)], [])
    return judged(house(text), look(now), asked or (candidate(),), known, {}, now)


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


HEAD = PACK.partition("rules:")[0] + "rules:\n"
RULE = "  - {{id: house.{name}, force: house, source: x, status: verified, {rest}}}\n"


def cap(name: str, within: str, scope: str = "recipient", most: int = 2) -> str:
    rest = f'kind: cap, max: {most}, within: {within}, counts: ["*.sent"], scope: [{scope}]'
    return RULE.format(name=name, rest=rest)


def test_what_counts_for_each_channel_or_account_is_told_for_each() -> None:
    text = HEAD + cap("each", "{days: 7}", "recipient, channel") + cap("debt", "{days: 7}", "recipient, account", 3)
    asked = (candidate(), candidate("email"), candidate("email", "b"))
    limits = at([NOON - 3 * HOUR, NOON - HOUR], NOON, text, *asked).limits
    assert [(one.rule, one.channels, one.account, one.used, one.most, one.blocks) for one in limits] == [
        ("house.each", ["sms"], None, 2, 2, True),
        ("house.debt", ["sms", "email"], "a", 2, 3, False),
        ("house.each", ["email"], None, 0, 2, False),
        ("house.debt", ["email"], "b", 0, 3, False),
    ], "those that block first"


def test_a_rule_that_only_asks_for_a_distance_has_no_number_and_one_not_yet_in_force_is_not_there() -> None:
    gap = RULE.format(name="gap", rest="kind: spacing, min_gap: PT2H, scope: [recipient]")
    later = cap("later", "{days: 7}").replace("status: verified", "status: verified, effective: {from: 2027-06-01}")
    [limit] = at([NOON - HOUR], NOON, HEAD + gap + later).limits
    assert (limit.rule, limit.most, limit.unit, limit.size, limit.blocks) == ("house.gap", None, "rolling", 7200, True)
    assert limit.frees_at == format_instant(NOON + HOUR)


@pytest.mark.parametrize(
    ("within", "since"),
    [
        ("{rolling: PT36H}", "2026-11-24T00:00:00.000Z"), ("{days: 2}", "2026-11-23T23:00:00.000Z"),
        ("{calendar: day}", "2026-11-24T23:00:00.000Z"), ("{calendar: month}", "2026-10-31T23:00:00.000Z"),
        ("{calendar: week, start: mon}", "2026-11-22T23:00:00.000Z"),
        ("{calendar: week, start: thu}", "2026-11-18T23:00:00.000Z"), ("{days: 40}", "2026-10-16T22:00:00.000Z"),
    ],
)  # fmt: skip
def test_a_limit_looks_back_to_where_the_judge_begins_to_count(within: str, since: str) -> None:
    """By the day of the person's zone, whose clock was put back in October."""
    text, begins = HEAD + cap("cap", within), parse_instant(since)
    assert at([], NOON, text).limits[0].since == since
    assert at([begins + 1], NOON, text).limits[0].used == 1
    assert at([begins - 1], NOON, text).limits[0].used == 0


def test_closed_hours_are_those_in_which_the_judge_says_no() -> None:
    hours = RULE.format(name="hours", rest='kind: window, hours: {mon-fri: "08:00-20:00", sat: "09:00-12:00"}')
    [channel] = at([], NOON, HEAD + hours + cap("week", "{days: 7}")).channels
    told = [(parse_instant(one.first), parse_instant(one.last)) for one in channel.closed]
    assert told[-1] == (parse_instant("2026-11-25T19:00:00Z"), parse_instant("2026-11-26T07:00:00Z"))
    for half in range(2 * 24 * 6):
        moment = NOON + 20 * HOUR - half * HOUR // 2
        closed = any(start <= moment < end for start, end in told)
        assert (at([], moment, HEAD + hours).channels[0].decision != "allow") is closed, format_instant(moment)
    assert at([], NOON, HEAD + cap("week", "{days: 7}")).channels[0].closed == []
