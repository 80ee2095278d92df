"""Five thousand callbacks, repeated, out of order, early and forged: every message ends as its reports say.

What a set of reports means is worked out apart from the gateway, over every order of them.
"""

import asyncio
import itertools
import random
from collections import Counter
from typing import Any

import aiohttp
from aiohttp import web
from msgspec import Struct
from twilio.request_validator import RequestValidator

from channels.fakes.twilio import FakeTwilio
from gateway.domain.clock import DAY
from tests.stories.test_receipts_come_back import PUBLIC, free_port, web_role
from tests.stories.world import ShiftedClock, World, reminder

MESSAGES, CALLBACKS = 1_600, 5_000
RANKS = {"queued": 1, "sending": 1, "sent": 1, "delivered": 2, "undelivered": 2, "failed": 2}
LIVES = (
    ("queued", "sent", "delivered"), ("sending", "sent", "delivered"), ("delivered",), ("sent", "undelivered"),
    ("queued", "sending", "failed"), ("queued", "sent"), ("sent", "delivered", "delivered"), ("queued",),
    ("queued", "sending", "sent", "delivered"),
)  # fmt: skip
REPLAYS = 1_000


class Callback(Struct, frozen=True):
    """One request as the provider makes it, or somebody who would like to be the provider."""

    url: str
    form: dict[str, str]
    signature: str
    forged: bool


def expected(statuses: tuple[str, ...]) -> str:
    """What every order of these reports comes to: the highest of them; no life here holds two ends."""
    ends = set()
    for order in itertools.islice(itertools.permutations(statuses), 24):
        state = "queued"
        for status in order:
            state = status if RANKS[status] > RANKS[state] else state
        ends.add(state)
    [end] = ends
    return {"failed": "undelivered", "delivered": "delivered", "undelivered": "undelivered"}.get(end, "sent")


class Early(FakeTwilio):
    """Answers some sends only after their callbacks were made."""

    def __init__(self, share: float, lots: random.Random) -> None:
        super().__init__()
        self.share, self.lots = share, lots
        self.waiting: dict[str, asyncio.Event] = {}

    async def answer(
        self, request: web.Request, record: dict[str, Any], accepted: tuple[int, Any]
    ) -> web.StreamResponse:
        if self.lots.random() < self.share:
            self.seen += 1
            self.taken(record)
            event = self.waiting[record["sid"]] = asyncio.Event()
            await event.wait()
            return web.json_response(accepted[1], status=accepted[0])
        return await super().answer(request, record, accepted)


def callback(record: dict[str, Any], status: str, *, token: str = "secret") -> Callback:
    form = {"MessageSid": record["sid"], "MessageStatus": status, "To": record["To"], "AccountSid": "AC1"}
    if status in ("undelivered", "failed"):
        form["ErrorCode"] = "30003"
    url = record["StatusCallback"]
    return Callback(url, form, RequestValidator(token).compute_signature(url, form), token != "secret")


async def post(session: aiohttp.ClientSession, address: str, one: Callback) -> int:
    where = one.url.replace(PUBLIC, address, 1)
    async with session.post(where, data=one.form, headers={"X-Twilio-Signature": one.signature}) as answer:
        return answer.status


async def deliver(address: str, callbacks: list[Callback], lanes: int = 8) -> Counter[tuple[bool, int]]:
    """Posts them all, `lanes` at once; how often each status was the answer to genuine and to forged ones."""
    answers: Counter[tuple[bool, int]] = Counter()

    async def lane(number: int) -> None:
        async with aiohttp.ClientSession() as session:
            for one in callbacks[number::lanes]:
                answers[one.forged, await post(session, address, one)] += 1

    await asyncio.gather(*(lane(number) for number in range(lanes)))
    return answers


async def state(world: World) -> dict[bytes, Any]:
    """Everything that reports could have changed."""
    found: dict[bytes, Any] = {}
    async for key in world.redis.scan_iter(f"{world.prefix}:*", count=5000):
        kind = await world.redis.type(key)
        if b":job:" in key:
            found[key] = await world.redis.get(key)
        elif b":person:" in key or key.endswith(b":stopped"):
            found[key] = await world.redis.hgetall(key)
        elif kind == b"stream" and key.rpartition(b":")[2] in (b"receipts", b"dead", b"replies"):
            found[key] = await world.redis.xlen(key)
        elif kind == b"zset" and key.endswith(b":orphans"):
            found[key] = await world.redis.zcard(key)
    return found


async def test_five_thousand_callbacks_end_every_message_as_its_reports_say(world: World) -> None:
    lots = random.Random(20)
    twilio, port = Early(0.05, lots), free_port()
    async with twilio.serve():
        entry = {"name": "main", "kind": "twilio", "account_sid": "AC1", "auth_token": "new", "timeout": 60,
                 "secondary_auth_token": "secret", "from": "+15005550006", "base_url": twilio.url}  # fmt: skip
        twilio.token = "new"
        world.configure(
            {"sms": [entry]},
            web={"port": port, "public_url": PUBLIC},
            horizons={"outputs": "60d", "idempotency": "30d"},
        )
        phones = {f"p{n}": f"+49172{n:07d}" for n in range(MESSAGES)}
        jobs = [reminder(f"j{n}", f"p{n}", recipient={"phone": phones[f"p{n}"]}) for n in range(MESSAGES)]
        async with web_role(world, port) as address:
            async with world.inside():
                await world.put(*jobs)
                async with asyncio.timeout(120):
                    lives, answers, sent = await everything(twilio, address, lots)
                await world.receipts.until(
                    lambda: all(over(world, f"j{n}", lives[f"j{n}"]) for n in range(MESSAGES)), 60
                )
                await world.emptied(30)
            assert {key for key in answers if key[0]} == {(True, 403)}
            assert {key for key in answers if not key[0]} == {(False, 204)}
            assert sum(answers.values()) >= CALLBACKS
            assert answers[True, 403] >= CALLBACKS * 0.01
            for n in range(MESSAGES):
                want = expected(lives[f"j{n}"])
                assert world.receipts.last(f"j{n}")["status"] == want, (n, lives[f"j{n}"], world.receipts.job(f"j{n}"))

            async with world.inside(ShiftedClock(7 * DAY)):
                await world.receipts.settle(2)  # what was never reported is presumed now
                before = await state(world)
                again = [*sent, *lots.sample(sent, 10) * REPLAYS]
                lots.shuffle(again)
                replayed = await deliver(address, again)
                assert replayed == Counter((one.forged, 403 if one.forged else 204) for one in again)
                await world.emptied(60)
                assert await state(world) == before


def over(world: World, name: str, life: tuple[str, ...]) -> bool:
    told = world.receipts.statuses(name)
    return bool(told) and told[-1] == expected(life)


async def everything(
    twilio: Early, address: str, lots: random.Random
) -> tuple[dict[str, tuple[str, ...]], Counter[tuple[bool, int]], list[Callback]]:
    """Makes all callbacks while the messages are being sent: the lives by job, the answers, and all that was posted."""
    lives: dict[str, tuple[str, ...]] = {}
    answers: Counter[tuple[bool, int]] = Counter()
    sent: list[Callback] = []
    seen = 0
    while seen < MESSAGES:
        await asyncio.sleep(0.05)
        records, seen = twilio.log[seen:], len(twilio.log)
        batch: list[Callback] = []
        early: list[str] = []
        for record in records:
            life = lots.choice(LIVES)
            lives[f"j{int(record['To'][6:])}"] = life
            own = [callback(record, status) for status in life]
            own += [one for one in own if lots.random() < 0.3]
            own += (
                [callback(record, lots.choice(("delivered", "failed")), token="wrong")] if lots.random() < 0.04 else []
            )
            batch += own
            early += [record["sid"]] if record["sid"] in twilio.waiting else []
        displaced = [index for index in range(len(batch)) if lots.random() < 0.3]
        shuffled = displaced[:]
        lots.shuffle(shuffled)
        moved = {a: batch[b] for a, b in zip(displaced, shuffled, strict=True)}
        batch = [moved.get(index, one) for index, one in enumerate(batch)]
        answers += await deliver(address, batch)
        sent += batch
        for sid in early:
            twilio.waiting[sid].set()
    return lives, answers, sent
