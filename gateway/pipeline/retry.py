"""When to try again. Two sizes: quick tries inside one attempt, and a durable back-off between attempts.

Only what surely was not sent is tried again, or what its provider knows the second time. This is the one room that
draws lots: without jitter, whoever failed together would come back together.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from msgspec import Struct
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_random_exponential

from channels.contract import Accepted, InDoubt, Outcome, Unavailable
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


async def quickly(
    send: Callable[[], Awaitable[Outcome]], in_time: Callable[[], bool], idempotent: bool = False
) -> Outcome:
    """One attempt: sends, and sends again at once, a few times, if it was surely not sent and there is time. At an
    `idempotent` provider also if it is in doubt: the same message again is the same message. Nothing but an acceptance
    lifts that doubt: a refusal of the second request says nothing of the first."""
    doubt: InDoubt | None = None

    async def told() -> Outcome:
        nonlocal doubt
        outcome = await send()
        doubt = outcome if isinstance(outcome, InDoubt) else doubt
        return outcome

    def passing(outcome: Outcome) -> bool:
        return _passing(outcome) or (idempotent and isinstance(outcome, InDoubt))

    outcome = await told()
    if passing(outcome) and in_time():
        trying = AsyncRetrying(
            stop=stop_after_attempt(QUICK_TRIES),
            wait=wait_random_exponential(multiplier=QUICK_WAIT_S / 4, max=QUICK_WAIT_S),
            retry=retry_if_result(lambda outcome: passing(outcome) and in_time()),
            retry_error_callback=_last,
        )
        await asyncio.sleep(random.uniform(0, QUICK_WAIT_S / 2))
        if in_time():
            outcome = await trying(told)
    return outcome if doubt is None or isinstance(outcome, Accepted) else doubt


def _passing(outcome: Outcome) -> bool:
    return isinstance(outcome, Unavailable) and (outcome.retry_after or 0) <= QUICK_WAIT_S


def _last(state: RetryCallState) -> Outcome:
    assert state.outcome is not None
    result: Outcome = state.outcome.result()
    return result
