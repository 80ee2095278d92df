"""What the house lends to its providers, and the doors by which they and people answer: callbacks, links, bounces."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import redis.asyncio as redis

from channels.bounces import take_bounces, verp
from channels.contract import Listener, Message, Reply, Report, Surroundings
from gateway.config import Config
from gateway.domain.clock import Clock
from gateway.domain.tokens import Seal, Unsubscribed
from gateway.pipeline.desks import Desks
from gateway.pipeline.files import digest
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.replies import take_reply, unsubscribe
from gateway.store.redis import Store, StoreError
from gateway.web.webhooks import Webhooks


def surroundings(config: Config, store: Store, clock: Clock, metrics: Metrics) -> Surroundings:
    """What the house lends to its providers."""

    async def hand_over(task: bytes) -> str:
        try:
            entry: Any = await store.redis.xadd(store.keys.calls, {"call": task})
        except redis.TimeoutError as error:
            raise TimeoutError from error
        except StoreError as error:
            raise ConnectionError from error
        return str(entry.decode())

    async def report(report: Report) -> None:
        try:
            if isinstance(report, Reply):  # a stop is in force before whoever brought it is answered
                metrics.replies.add(report.provider, await take_reply(store, report, clock.now()))
                return
            await store.redis.xadd(store.keys.callbacks, {"report": msgspec.json.encode(report)})
        except StoreError as error:
            raise ConnectionError from error

    public_url, seal = config.web.public_url, Seal(config.web.secrets)

    def link(message: Message) -> str | None:
        who = Unsubscribed(digest(message.to), message.tenant, message.recipient_id)
        token = seal.close(who, message.reference) if public_url else None
        return f"{public_url}/u/{token}" if token else None

    return Surroundings(
        public_url=public_url, hand_over=hand_over, report=report, now=clock.now, unsubscribe=link,
        bounces=verp(config.bounces.secrets) if config.bounces else None,
    )  # fmt: skip


def listen(
    webhooks: Webhooks, config: Config, store: Store, desks: Desks, lent: Surroundings, metrics: Metrics
) -> None:  # fmt: skip
    """From here on callbacks and one-click unsubscriptions are taken in."""
    listeners = {desk.name: desk.provider for desk in desks if isinstance(desk.provider, Listener)}
    webhooks.open(listeners, lent.report)
    seal = Seal(config.web.secrets)

    async def act(token: str) -> None:
        who = seal.open(token)
        if who is not None:
            try:
                await unsubscribe(store, who, lent.now())
                metrics.replies.add("unsubscribe", "stop")
            except StoreError as error:
                raise ConnectionError from error

    webhooks.unsubscribe.open(lambda token: seal.open(token) is not None, act)


@asynccontextmanager
async def mailbox(config: Config, lent: Surroundings) -> AsyncIterator[None]:
    """Takes bounces in until the end of the block, where they are configured. Raises OSError if the port is taken."""
    own = config.bounces
    if own is None or lent.bounces is None:
        yield
        return
    async with take_bounces(own.host, own.port, own.protocol, lent.bounces, lent.report, lent.now, own.complaints):
        yield
