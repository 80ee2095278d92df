"""Ends tasks for certain: a client may swallow a cancellation that reaches it at the very moment of its answer."""

import asyncio
from typing import Any

AGAIN_S = 0.1


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels the tasks, again and again, until all of them have ended; what they ended with is nobody's concern. One
    who is cancelled while waiting here waits to the end all the same, and is cancelled then."""
    cancelled = False
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        try:
            await asyncio.wait(left, timeout=AGAIN_S)
        except asyncio.CancelledError:
            cancelled = True
    await asyncio.gather(*tasks, return_exceptions=True)
    if cancelled:
        raise asyncio.CancelledError
