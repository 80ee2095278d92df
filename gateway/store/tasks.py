"""Ends tasks for certain: a client may swallow a cancellation that reaches it at the very moment of its answer."""

import asyncio
from typing import Any

AGAIN_S = 0.1


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels the tasks, again and again, until all of them have ended; what they ended with is nobody's concern."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
