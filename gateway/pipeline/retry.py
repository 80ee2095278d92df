"""When to try again. Two sizes: quick tries inside one attempt, and a durable back-off between attempts.

Only what surely was not sent is tried again. This is the one room that draws lots: without jitter, whoever failed
together would come back together.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_random_exponential

from channels.contract import Outcome, Unavailable
from gateway.domain.clock import SECOND, Instant

QUICK_TRIES = 2
"""after the first one; all of them within about a second of the claim"""
QUICK_WAIT_S = 0.3


class Backoff(Struct, frozen=True, kw_only=True):
    """The waits between attempts: they double from `first_ms` to `most_ms`, half of each drawn by lot."""

    first_ms: int = 30 * SECOND
    most_ms: int = 3_600 * SECOND

    def next(self, now: Instant, tries: int, retry_after: float | None) -> Instant:
        """When the next attempt is due after `tries` of them; never before the provider's own `retry_after` seconds."""
        wait = min(self.most_ms, self.first_ms << min(max(0, tries - 1), 30))
        wait = wait // 2 + random.randrange(wait // 2 + 1)
        return now + max(wait, int((retry_after or 0) * SECOND))


async def quickly(send: Callable[[], Awaitable[Outcome]], in_time: Callable[[], bool]) -> Outcome:
    """One attempt: sends, and sends again at once, a few times, if it was surely not sent and there is time."""
    outcome = await send()
    if not _passing(outcome) or not in_time():
        return outcome
    trying = AsyncRetrying(
        stop=stop_after_attempt(QUICK_TRIES),
        wait=wait_random_exponential(multiplier=QUICK_WAIT_S / 4, max=QUICK_WAIT_S),
        retry=retry_if_result(lambda outcome: _passing(outcome) and in_time()),
        retry_error_callback=_last,
    )
    await asyncio.sleep(random.uniform(0, QUICK_WAIT_S / 2))
    return await trying(send) if in_time() else outcome


def _passing(outcome: Outcome) -> bool:
    return isinstance(outcome, Unavailable) and (outcome.retry_after or 0) <= QUICK_WAIT_S


def _last(state: RetryCallState) -> Outcome:
    assert state.outcome is not None
    result: Outcome = state.outcome.result()
    return result
