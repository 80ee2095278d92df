"""Whoever has a collector follows each job from its stream entry to the provider's call; no job waits for it."""

import json
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.domain.clock import format_instant
from tests.peers.collector import collecting, told
from tests.stories.test_api import answering, free_port
from tests.stories.test_canaries import KEY, SECRET
from tests.stories.world import World, reminder

PRODUCER = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


async def put(world: World, job: dict[str, Any], **fields: str) -> str:
    """The id of its entry."""
    world.jobs[job["recipient"]["id"], job["id"]] = job
    entry: bytes = await world.redis.xadd(world.keys.lanes["high"], {"job": json.dumps(job), **fields})
    return entry.decode()


async def test_a_job_is_one_trace_over_all_looks_and_processes(world: World) -> None:
    async with collecting() as collector:
        world.configure(telemetry={"endpoint": collector.url})
        soon = world.clock.now() + 4_000
        async with world.worker() as first:
            at_once = await put(world, reminder("now"), traceparent=f"00-{PRODUCER[0]}-{PRODUCER[1]}-01")
            later = await put(world, reminder("later", not_before=format_instant(soon)))
            await world.receipts.until(lambda: world.receipts.over("now") and bool(world.receipts.job("later")))
            assert await first.end() == 0
        seen = len(collector.of(later))
        async with world.worker() as second:
            await world.receipts.ended("later")
            assert await second.end() == 0
    assert ("service.name", "gateway") in collector.services

    process, look, send = collector.of(at_once)
    assert [process.name, look.name, send.name] == [f"process {world.keys.lanes['high']}", "look", "send sms"]
    assert [process.kind, look.kind, send.kind] == [
        Span.SPAN_KIND_CONSUMER, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT
    ]  # fmt: skip
    assert process.parent_span_id == b""
    assert look.parent_span_id == send.parent_span_id == process.span_id
    assert process.start_time_unix_nano == int(at_once.partition("-")[0]) * 1_000_000
    assert process.start_time_unix_nano <= look.start_time_unix_nano <= send.start_time_unix_nano
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in process.links] == [PRODUCER]
    assert told(send).items() >= {
        "gateway.tenant": "default", "gateway.lane": "high", "gateway.template": "overdue_reminder",
        "gateway.channel": "sms", "gateway.provider": "box-sms", "gateway.outcome": "Accepted",
    }.items()  # fmt: skip
    assert send.status.code == Status.STATUS_CODE_UNSET

    assert seen == 2
    process, early, late, send = collector.of(later)
    assert told(early)["gateway.statuses"] == ["deferred"]
    assert told(early)["gateway.reasons"] == [world.receipts.job("later")[0]["reason"]["code"]]
    assert early.parent_span_id == late.parent_span_id == send.parent_span_id == process.span_id
    assert not process.links
    assert send.start_time_unix_nano >= soon * 1_000_000


async def test_a_producer_over_http_finds_its_own_span_linked(world: World) -> None:
    port, headers = free_port(), {"Authorization": f"Bearer all.{SECRET}"}
    async with collecting() as collector, aiohttp.ClientSession(headers=headers) as session:
        world.configure(telemetry={"endpoint": collector.url}, web={"port": port, "keys": [KEY]})
        async with world.worker("worker", "web") as worker:
            await answering(session, port)
            for name, said in (("good", f"00-{PRODUCER[0]}-{PRODUCER[1]}-01"), ("bad", "00-who-knows-01")):
                job = reminder(name)
                world.jobs[job["recipient"]["id"], name] = job
                told_of = {"traceparent": said}
                async with session.post(f"http://127.0.0.1:{port}/v1/reminders", json=job, headers=told_of) as answer:
                    assert answer.status == 202
                await world.receipts.ended(name)
            assert await worker.end() == 0
    good, bad = [span for span in collector.spans if span.name.startswith("process ")]
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in good.links] == [PRODUCER]
    assert not bad.links


async def test_what_rules_forbid_and_providers_refuse_is_seen(world: World) -> None:
    async with collecting() as collector:
        world.configure(telemetry={"endpoint": collector.url}, policies=world.policy(1, otherwise="drop"))
        async with world.inside():
            await put(world, reminder("one", "p"))
            await world.receipts.ended("one")
            dropped = await put(world, reminder("two", "p"))
            refused = await put(world, reminder("three", recipient={"phone": "+491701234501"}))
            await world.receipts.ended("two", "three")
    _, look = collector.of(dropped)
    assert told(look)["gateway.statuses"] == ["suppressed"]
    assert told(look)["gateway.rules"] == [world.receipts.last("two")["reason"]["rule"]]
    assert world.receipts.last("three")["status"] == "failed"
    _, _, send, *_ = collector.of(refused)
    assert (told(send)["gateway.outcome"], told(send)["error.type"]) == ("Refused", "Refused")
    assert send.status.code == Status.STATUS_CODE_ERROR


@pytest.mark.parametrize("deed", ["hang", "refuse", "dead"])
async def test_a_collector_that_is_no_use_delays_nothing(world: World, deed: str) -> None:
    names = [f"j{n}" for n in range(300)]
    async with collecting() as collector:
        collector.deed = deed
        url = f"http://127.0.0.1:{free_port()}" if deed == "dead" else collector.url
        world.configure(telemetry={"endpoint": url})
        async with world.worker() as worker:
            await world.put(*[reminder(name) for name in names])
            await world.receipts.ended(*names)
            assert await worker.end() == 0
        assert collector.asked.is_set() == (deed != "dead")
        assert collector.spans == []
    assert world.receipts.count() == {"sent": 300, "delivered": 300}
    assert b"Traceback" not in worker.noise.read_bytes()


async def test_a_share_of_the_jobs_is_told_whole(world: World) -> None:
    async with collecting() as collector:
        world.configure(telemetry={"endpoint": collector.url, "sample": 0.3})
        async with world.inside():
            entries = [await put(world, reminder(f"j{n}")) for n in range(100)]
            await world.receipts.ended(*[f"j{n}" for n in range(100)])
    sizes = [len(collector.of(entry)) for entry in entries]
    assert set(sizes) == {0, 3}
    assert 10 < sizes.count(3) < 55


async def test_nobody_is_told_where_no_collector_is_named(world: World) -> None:
    world.configure()
    async with world.inside() as running:
        assert running.worker.context.traces is None
