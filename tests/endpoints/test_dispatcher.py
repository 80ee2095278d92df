"""Endpoints that no configuration names any more: nothing is held back for them for ever, and nothing is lost."""

import asyncio

from prometheus_client import CollectorRegistry

from gateway.domain.clock import DAY, HOUR
from gateway.endpoints.dispatcher import park_unserved, send_receipts
from gateway.endpoints.schedule import DEAD_AFTER_MS
from tests.endpoints.office import Office
from tests.endpoints.producer import Producer


async def test_one_that_nobody_serves_for_days_is_parked_and_goes_on_when_it_is_configured_again(
    office: Office, producer: Producer
) -> None:
    async with office.courier(producer.entry()):
        await office.tell("a")
        await producer.until(lambda: len(producer.taken) == 1)
        await office.settled()
    await office.tell("b")
    for _ in range(2):  # the first look may only write down when it was
        await park_unserved(office.redis, office.keys, set(), office.clock)
        office.clock.at += DEAD_AFTER_MS - HOUR
        await park_unserved(office.redis, office.keys, {"cards"}, office.clock)
        assert await office.trim() <= 1
        assert await office.group()
        office.clock.at -= DEAD_AFTER_MS - HOUR
    office.clock.at += DEAD_AFTER_MS
    await park_unserved(office.redis, office.keys, {"cards"}, office.clock)
    assert await office.group(), "who has it in his configuration does not park it"
    await park_unserved(office.redis, office.keys, {"loans"}, office.clock)
    assert await office.group() is None
    assert (await office.book().page()).why == "unserved"
    office.clock.at += DAY
    async with office.courier(producer.entry()):
        await producer.until(lambda: len(producer.taken) == 2)
    assert [receipt["job_id"] for receipt in producer.taken] == ["a", "b"]


async def test_without_endpoints_it_still_looks_and_ends_when_told(office: Office) -> None:
    await office.tell("a")
    await office.redis.xgroup_create(office.keys.receipts, "webhook:old", id="0")
    stop = asyncio.Event()
    task = asyncio.create_task(send_receipts(office.store, (), office.clock, CollectorRegistry(), stop))
    async with asyncio.timeout(5):
        while (await office.book("old").page()).seen is None:  # noqa: ASYNC110 - what the other task does
            await asyncio.sleep(0.01)
        stop.set()
        await task
