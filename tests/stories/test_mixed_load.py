"""A thousand mixed jobs over three channels and two workers, while a tenth of all answers is a failure."""

import random
import socket
from typing import Any

from gateway.store.keys import LANES
from tests.stories.providers import Providers, address, addressed, providers
from tests.stories.world import World

JOBS = 1000
ORDERS = (["sms", "email", "push"], ["push", "sms"], ["email"], ["sms"], ["push", "email"])


def mixed(seed: int) -> list[dict[str, Any]]:
    lots = random.Random(seed)
    return [
        addressed(number, lots.choice(ORDERS), lots.choice(("first", "first", "all")), metadata={"n": number})
        for number in range(JOBS)
    ]


def account(job: dict[str, Any], told: list[dict[str, Any]], fakes: Providers) -> None:
    """Every send that the receipts tell of was taken once; a track without one has an end that says why."""
    taken = fakes.taken()
    sent = [receipt["channel"] for receipt in told if receipt["status"] == "sent"]
    assert sorted(sent) == sorted(c for c in ("sms", "email", "push") for _ in range(taken[c][address(job, c)])), told
    finals = [receipt for receipt in told if receipt["final"]]
    if job["strategy"] == "all":
        assert sorted(receipt["channel"] for receipt in finals) == sorted(job["channels"])
        assert all(taken[c][address(job, c)] <= 1 for c in job["channels"])
        assert len(sent) + len([r for r in finals if r["status"] == "failed"]) == len(job["channels"])
    else:
        assert len(finals) == 1
        assert (len(sent) == 1) != (finals[0]["status"] == "failed")


async def test_every_job_is_taken_on_exactly_once_or_has_an_accounted_end(world: World) -> None:
    jobs = mixed(seed=7)
    async with providers(world.folder, fault=0.1, seed=11) as fakes:
        world.configure(fakes.channels())
        async with world.workers(2) as workers:
            for third, lane in enumerate(LANES):
                await world.put(*jobs[third::3], lane=lane)
            await world.receipts.ended(*[job["id"] for job in jobs], seconds=60)
            await world.receipts.settle()
            await world.emptied()
            for job in jobs:
                account(job, world.receipts.job(job["id"]), fakes)
            assert fakes.twilio.seen > len(fakes.twilio.log), "no answer failed, so nothing was tried"
            assert not world.receipts.count()["in_doubt"]
            assert [await worker.end() for worker in workers] == [0, 0]


async def test_what_the_provider_calls_back_ends_every_sms_whichever_process_hears_it(world: World) -> None:
    jobs = [addressed(number, ["sms"]) for number in range(200)]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with providers(world.folder) as fakes:
        fakes.twilio.callbacks = ("queued", "sent", "delivered", "delivered", "sent")
        url = f"http://127.0.0.1:{port}"
        world.configure({"sms": fakes.channels(receipts="callback")["sms"]}, web={"port": port, "public_url": url})
        async with world.worker("worker", "web") as both, world.worker() as other:
            await world.put(*jobs)
            await world.receipts.ended(*[job["id"] for job in jobs], seconds=30)
            await world.receipts.settle()
            await world.emptied()
            assert all(world.receipts.statuses(job["id"]) == ["sent", "delivered"] for job in jobs)
            assert {status for _, _, _, status in fakes.twilio.reports} <= {200, 202, 204}
            assert len(fakes.twilio.log) == len(jobs)
            assert [await both.end(), await other.end()] == [0, 0]
