"""Couriers on a real store without the rest of the gateway: receipts are put there by hand, and time stands still."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.domain.clock import DAY, SystemClock, format_instant
from gateway.endpoints.book import GROUPS, Book
from gateway.endpoints.courier import Courier
from gateway.endpoints.metrics import EndpointMetrics
from gateway.endpoints.settings import Endpoint
from gateway.pipeline.housekeeping import trim
from gateway.shape import read
from gateway.store.keys import Keys
from gateway.store.redis import Store, client
from gateway.store.tasks import end


class StandingClock:
    """Stands where a story puts it."""

    def __init__(self) -> None:
        self.at = SystemClock().now()

    def now(self) -> int:
        return self.at

    async def passes(self, ms: int, turns: int = 1) -> None:
        """So much time in so many steps, each seen by whoever asks the clock."""
        for _ in range(turns):
            self.at += ms // turns
            await asyncio.sleep(0.25)


class Office:
    def __init__(self, url: str) -> None:
        self.redis = client(url, connections=32)
        self.keys = Keys(f"e{uuid.uuid4().hex[:10]}")
        self.store = Store(self.redis, self.keys)
        self.clock = StandingClock()
        self.registry = CollectorRegistry()
        self.metrics = EndpointMetrics(self.registry)
        self._numbers: Counter[str] = Counter()

    async def close(self) -> None:
        async for key in self.redis.scan_iter(f"{self.keys.prefix}:*", count=5000):
            await self.redis.unlink(key)
        await self.redis.aclose()

    async def tell(self, *jobs: str, tenant: str = "default") -> list[str]:
        """One more receipt of each job; their entries."""
        pipeline = self.redis.pipeline(transaction=False)
        for job in jobs:
            self._numbers[job] += 1
            receipt = {
                "id": f"{job}#{self._numbers[job]}", "job_id": job, "tenant": tenant, "recipient_id": f"p-{job}",
                "status": "sent", "final": False, "at": format_instant(self.clock.now()), "metadata": {"note": "中"},
            }  # fmt: skip
            pipeline.xadd(self.keys.receipts, {"receipt": json.dumps(receipt)})
        return [entry.decode() for entry in await pipeline.execute()]

    def book(self, name: str = "cards") -> Book:
        return Book(self.redis, self.keys, name)

    @asynccontextmanager
    async def courier(self, *entries: dict[str, Any]) -> AsyncIterator[None]:
        """A process that serves these; ends as one that is told to."""
        stop = asyncio.Event()
        tasks = []
        for entry in entries:
            tasks.append(asyncio.create_task(self._courier(entry).run(stop)))
            await self.opened(entry["name"])
        try:
            yield
        finally:
            stop.set()
            done, late = await asyncio.wait(tasks, timeout=10)
            await end(*late)
            assert not late
            for task in done:
                task.result()

    def _courier(self, entry: dict[str, Any]) -> Courier:
        faults: list[Any] = []
        endpoint = read(Endpoint, entry, "", faults)
        assert endpoint is not None, faults
        return Courier(self.redis, self.keys, endpoint, self.clock, self.metrics)

    async def opened(self, name: str = "cards") -> None:
        """Until its group is there, or it is parked."""
        async with asyncio.timeout(20):
            while not (await self.group(name) or (await self.book(name).page()).parked):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def group(self, name: str = "cards") -> dict[str, Any] | None:
        if not await self.redis.exists(self.keys.receipts):
            return None
        groups: list[Any] = await self.redis.xinfo_groups(self.keys.receipts)
        return next((group for group in groups if group["name"].decode() == GROUPS + name), None)

    async def settled(self, name: str = "cards") -> None:
        """Until all that was read is acknowledged."""
        async with asyncio.timeout(10):
            while (group := await self.group(name)) and (group["pending"] or group["lag"]):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def parked(self, name: str = "cards") -> str:
        """Until it is; why."""
        async with asyncio.timeout(10):
            while (page := await self.book(name).page()).parked is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return page.why

    async def trim(self) -> int:
        """What the housekeeping of the gateway would delete if nothing were kept for anybody."""
        return await trim(self.store, self.keys.receipts, SystemClock().now() + DAY)

    async def failed(self, count: int, name: str = "cards") -> None:
        """Until so many failures were understood; the producer knows of them a little earlier."""
        async with asyncio.timeout(10):
            while self.attempts("failed", name) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def attempts(self, outcome: str, name: str = "cards") -> float:
        labels = {"endpoint": name, "outcome": outcome}
        return self.registry.get_sample_value("gateway_endpoint_deliveries_total", labels) or 0.0
