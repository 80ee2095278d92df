"""Receipts on their way to a producer: all of them, in the order of each job, whatever the endpoint does."""

import asyncio
import json
import random
from collections import Counter
from typing import Any

from gateway.domain.clock import DAY, HOUR, MINUTE, SECOND
from gateway.endpoints.book import MOST_HELD
from gateway.endpoints.schedule import DOWN_AFTER
from gateway.endpoints.wire import AT_ONCE
from tests.endpoints.office import Office
from tests.endpoints.producer import OTHER, SECRET, Producer


def orderly(producer: Producer) -> None:
    """Every job's receipts were taken one after the other, and none is missing between them."""
    for job, numbers in producer.numbers().items():
        assert numbers == list(range(1, len(numbers) + 1)), job


async def test_receipts_are_taken_once_and_acknowledged_and_those_of_other_tenants_never_leave(
    office: Office, producer: Producer
) -> None:
    async with office.courier(producer.entry()):
        await office.tell("a", "b", "a", "a")
        await office.tell("x", tenant="other")
        await producer.until(lambda: len(producer.taken) == 4)
        await office.settled()
    assert producer.numbers() == {"a": [1, 2, 3], "b": [1]}
    assert producer.repeats == 0
    assert producer.taken[0]["metadata"] == {"note": "中"}
    assert office.attempts("taken") == 4


async def test_a_producer_that_changes_its_secret_verifies_with_the_old_one_and_with_the_new_one(
    office: Office,
) -> None:
    async with Producer(SECRET, OTHER).serve() as producer, office.courier(producer.entry(secrets=[OTHER, SECRET])):
        await office.tell("a")
        await producer.until(lambda: len(producer.taken) == 1)


async def test_an_endpoint_nobody_saw_before_begins_now_and_one_that_was_away_goes_on_where_it_was(
    office: Office, producer: Producer
) -> None:
    await office.tell("before")
    async with office.courier(producer.entry()):
        await office.tell("first")
        await producer.until(lambda: len(producer.taken) == 1)
        await office.settled()
    await office.tell("between")
    async with office.courier(producer.entry()):
        await producer.until(lambda: len(producer.taken) == 2)
    assert [receipt["job_id"] for receipt in producer.taken] == ["first", "between"]


async def test_many_jobs_go_at_once_and_no_more_than_allowed(office: Office, producer: Producer) -> None:
    producer.delay = 0.05
    async with office.courier(producer.entry()):
        await office.tell(*[f"j{n}" for n in range(100)])
        await producer.until(lambda: len(producer.taken) == 100)
    assert producer.most_open == AT_ONCE


async def test_whatever_fails_the_order_of_every_job_is_kept_and_nothing_is_lost(
    office: Office, producer: Producer
) -> None:
    lots, failures = random.Random(7), Counter[str]()

    def rule(receipt: Any) -> int:
        """Half of all answers are failures, but no more of one receipt than its schedule holds out."""
        status = lots.choice((200, 200, 200, 400, 500, 503))
        failures[receipt["id"]] += status != 200
        return status if failures[receipt["id"]] <= 5 else 200

    producer.rule = rule
    jobs = [f"j{n % 20}" for n in range(120)]
    async with office.courier(producer.entry()):
        await office.tell(*jobs)
        async with asyncio.timeout(60):
            while len(producer.taken) < len(jobs):
                await office.clock.passes(3 * HOUR)
        await office.settled()
    orderly(producer)
    assert producer.repeats == 0
    assert not await office.redis.exists(office.keys.dead)


async def test_one_bad_receipt_holds_up_its_job_alone_and_ends_among_the_dead_letters(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: 400 if receipt["id"] == "bad#1" else 200
    async with office.courier(producer.entry()):
        await office.tell("bad", "bad", "good")
        waits = (0, 5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR)
        for attempt, wait in enumerate(waits, 1):
            await office.clock.passes(wait)
            await office.tell("good")  # the endpoint works
            await office.failed(attempt)
            await producer.until(lambda attempt=attempt: len(producer.numbers()["good"]) == attempt + 1)  # type: ignore[misc]
            assert len([one for one in producer.asked if one["id"] == "bad#1"]) == attempt
            assert "bad" not in producer.numbers()
        await office.clock.passes(24 * HOUR - SECOND)
        assert len([one for one in producer.asked if one["id"] == "bad#1"]) == 9
        await office.clock.passes(SECOND)
        await producer.until(lambda: "bad" in producer.numbers())
        await office.settled()
    assert producer.numbers()["bad"] == [2]
    ((_, letter),) = await office.redis.xrange(office.keys.dead)
    assert json.loads(json.loads(letter[b"entry"])["receipt"])["id"] == "bad#1"
    assert letter[b"error"] == b"endpoint cards: not taken in 10 attempts, the last one said http_400"


async def test_what_is_no_receipt_goes_to_the_dead_letters_at_once(office: Office, producer: Producer) -> None:
    async with office.courier(producer.entry()):
        for fields in ({"receipt": "{"}, {"note": b"\xff"}, {"receipt": '{"tenant": 1}'}):
            await office.redis.xadd(office.keys.receipts, fields)  # type: ignore[arg-type]
        await office.tell("a")
        await producer.until(lambda: len(producer.taken) == 1)
        await office.settled()
    assert await office.redis.xlen(office.keys.dead) == 3


async def test_an_endpoint_that_is_down_is_asked_seldom_and_what_waits_for_it_stays_in_the_stream(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: 500
    async with office.courier(producer.entry()):
        await office.tell(*[f"j{n}" for n in range(3 * MOST_HELD)])
        await office.failed(AT_ONCE)
        await office.clock.passes(4 * SECOND)
        at_first = len(producer.asked)
        assert at_first <= AT_ONCE + DOWN_AFTER
        await office.clock.passes(SECOND)  # those that were under way count for one failure, not for many
        await office.failed(at_first + 1)
        await office.clock.passes(DAY, turns=20)
        assert 5 <= len(producer.asked) - at_first <= 21
        group = await office.group()
        assert group is not None
        assert group["pending"] <= MOST_HELD
        producer.rule = lambda receipt: 200
        await office.clock.passes(10 * MINUTE)
        await producer.until(lambda: len(producer.taken) == 3 * MOST_HELD, 60)
    orderly(producer)


async def test_what_an_endpoint_that_is_down_refuses_is_not_held_against_the_receipt(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: 500
    async with office.courier(producer.entry()):
        await office.tell("a", "b")
        await office.failed(2)
        async with asyncio.timeout(30):
            while office.attempts("failed") < 30:
                await office.clock.passes(HOUR)
        producer.rule = lambda receipt: 400 if receipt["job_id"] == "a" else 200
        await office.clock.passes(HOUR, turns=4)
        await office.tell("c")
        await office.clock.passes(DAY, turns=4)
        assert set(producer.numbers()) == {"b", "c"}
        producer.rule = lambda receipt: 200
        await office.clock.passes(DAY, turns=4)
        await producer.until(lambda: "a" in producer.numbers())
    assert not await office.redis.exists(office.keys.dead)


async def test_the_last_attempt_is_none_when_just_then_the_endpoint_goes_down(
    office: Office, producer: Producer
) -> None:
    async with office.courier(producer.entry()):
        pass
    (entry,) = await office.tell("a")
    page: dict[Any, Any] = {f"e:{entry}": "9 0", "failures": DOWN_AFTER - 1, "since": office.clock.at, "next": 0}
    await office.redis.hset(f"{office.keys.prefix}:endpoint:cards", mapping=page)
    producer.rule = lambda receipt: 500
    async with office.courier(producer.entry()):
        await office.failed(1)
        producer.rule = lambda receipt: 200
        await office.clock.passes(HOUR)
        await producer.until(lambda: len(producer.taken) == 1)


async def test_a_restart_does_not_forget_how_often_was_asked(office: Office, producer: Producer) -> None:
    producer.rule = lambda receipt: 500
    async with office.courier(producer.entry()):
        await office.tell("a")
        await office.failed(1)
        await office.clock.passes(5 * SECOND)
        await office.failed(2)
    for _ in range(3):
        async with office.courier(producer.entry()):
            await office.clock.passes(MINUTE)
    assert len(producer.asked) == 2
    async with office.courier(producer.entry()):
        await office.clock.passes(2 * MINUTE)
        await office.failed(3)
        producer.rule = lambda receipt: 200
        await office.clock.passes(30 * MINUTE)
        await producer.until(lambda: len(producer.taken) == 1)
        await office.settled()
    assert (await office.book().page()).tries == {}


async def test_it_comes_back_no_earlier_than_it_was_asked_to(office: Office, producer: Producer) -> None:
    producer.rule = lambda receipt: (429, {"Retry-After": "3600"})
    async with office.courier(producer.entry()):
        await office.tell("a")
        await office.failed(1)
        producer.rule = lambda receipt: 200
        await office.clock.passes(59 * MINUTE, turns=3)
        assert len(producer.asked) == 1
        await office.clock.passes(MINUTE)
        await producer.until(lambda: len(producer.taken) == 1)


async def test_a_bad_receipt_keeps_no_endpoint_down_for_the_others(office: Office, producer: Producer) -> None:
    producer.rule = lambda receipt: 500 if receipt["job_id"].startswith("bad") else 200
    async with office.courier(producer.entry()):
        await office.tell(*[f"bad{n}" for n in range(AT_ONCE)])
        await office.failed(AT_ONCE)
        await office.tell(*[f"good{n}" for n in range(50)])
        await office.clock.passes(30 * MINUTE, turns=6)
        await producer.until(lambda: len(producer.taken) == 50)


async def test_whoever_says_gone_is_asked_nothing_more_and_goes_on_where_it_was_when_resumed(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: {"a": 400, "b": 410}.get(receipt["job_id"], 200)
    async with office.courier(producer.entry()):
        await office.tell("a", "c")
        await producer.until(lambda: len(producer.taken) == 1)
        await office.tell("b")
        assert await office.parked() == "gone"
        assert await office.group() is None
        await office.tell("d", "a")
        asked = len(producer.asked)
        await office.clock.passes(DAY)
        assert len(producer.asked) == asked
        producer.rule = lambda receipt: 200
        assert (await office.book().resume()).lost == 0
        await producer.until(lambda: len(producer.taken) == 5)
        await office.settled()
    assert producer.numbers() == {"c": [1], "a": [1, 2], "b": [1], "d": [1]}
    assert producer.repeats == 0


async def test_whoever_is_dead_for_five_days_is_parked_and_does_not_keep_the_stream_from_being_trimmed(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: 500
    async with office.courier(producer.entry()):
        await office.tell("a", "b", "a")
        await producer.until(lambda: len(producer.asked) >= 2)
        assert await office.trim() == 0
        await office.clock.passes(4 * DAY, turns=16)
        assert (await office.book().page()).parked is None
        assert await office.trim() == 0
        await office.clock.passes(DAY, turns=4)
        assert await office.parked() == "dead"
        await office.tell("c")
        assert await office.trim() == 4
        await office.tell("d")
        producer.rule = lambda receipt: 200
        assert (await office.book().resume()).lost == 3
        await producer.until(lambda: len(producer.taken) == 1)
    assert producer.numbers() == {"d": [1]}


async def test_everything_since_a_time_is_given_once_more_and_nothing_that_waits_is_given_up(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: 400 if receipt["job_id"] == "waits" else 200
    async with office.courier(producer.entry()):
        await office.tell("waits", "a", "b")
        await producer.until(lambda: len(producer.taken) == 2)
        await asyncio.sleep(0.01)
        (since,) = await office.tell("a")
        await office.tell("b", "a")
        await producer.until(lambda: len(producer.taken) == 5)
        producer.rule = lambda receipt: 200
        asked = len(producer.asked)
        await office.book().recover(int(since.partition("-")[0]))
        await producer.until(lambda: len(producer.asked) == asked + 4)
        await office.settled()
    again = [receipt["id"] for receipt in producer.asked[asked:]]
    assert [one for one in again if one.startswith("a")] == ["a#2", "a#3"]
    assert sorted(again) == ["a#2", "a#3", "b#2", "waits#1"]
    assert producer.repeats == 3


async def test_what_is_given_once_more_comes_before_what_was_waiting_behind_it(
    office: Office, producer: Producer
) -> None:
    producer.rule = lambda receipt: 400 if receipt["id"] == "a#3" else 200
    async with office.courier(producer.entry()):
        await office.tell("a", "a", "a")
        await office.failed(1)
        asked = len(producer.asked)
        producer.rule = lambda receipt: 200
        await office.book().recover(0)
        office.clock.at += 5 * SECOND
        await producer.until(lambda: len(producer.asked) == asked + 3)
    assert [receipt["id"] for receipt in producer.asked[asked:]] == ["a#1", "a#2", "a#3"]


async def test_recovery_is_not_lost_to_the_trimming_before_a_worker_looks(office: Office, producer: Producer) -> None:
    await office.tell("a", "b")
    await office.book().recover(0)
    assert await office.trim() == 0
    async with office.courier(producer.entry()):
        await producer.until(lambda: len(producer.taken) == 2)


async def test_a_group_that_was_lost_is_made_anew_where_it_was(office: Office, producer: Producer) -> None:
    async with office.courier(producer.entry()):
        await office.tell("a")
        await producer.until(lambda: len(producer.taken) == 1)
        await office.redis.xgroup_destroy(office.keys.receipts, "webhook:cards")
        await office.tell("b")
        await producer.until(lambda: len(producer.taken) == 2)


async def test_two_processes_serve_an_endpoint_one_after_the_other(office: Office, producer: Producer) -> None:
    producer.delay = 0.01
    async with office.courier(producer.entry()):
        async with office.courier(producer.entry()):
            await office.tell(*[f"j{n % 5}" for n in range(100)])
            await producer.until(lambda: len(producer.taken) == 50)
        await producer.until(lambda: len(producer.taken) == 100)
    orderly(producer)
    assert producer.repeats == 0


async def test_one_endpoint_that_hangs_does_not_keep_another_waiting(office: Office, producer: Producer) -> None:
    async with Producer(any_time=True).serve() as slow:
        slow.delay = 8.0
        async with office.courier(producer.entry(), slow.entry("slow")):
            await office.tell(*[f"j{n}" for n in range(50)])
            await producer.until(lambda: len(producer.taken) == 50)
            assert slow.taken == []


def test_the_fixtures_can_fail() -> None:
    """`orderly` sees what it is there for."""
    producer = Producer()
    told: list[dict[str, Any]] = [{"job_id": "a", "id": "a#2"}, {"job_id": "a", "id": "a#1"}]
    producer.taken = told
    try:
        orderly(producer)
    except AssertionError:
        return
    raise AssertionError("an order that is none was taken for one")
