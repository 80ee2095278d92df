"""Tasks end when they are told to, even those that swallow the first word."""

import asyncio
import contextlib

from gateway.store.tasks import end


async def test_a_task_that_swallows_a_cancellation_is_ended_by_the_next() -> None:
    heard = 0

    async def deaf() -> None:
        nonlocal heard
        while heard < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            heard += 1

    async def broken() -> None:
        raise ValueError

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(broken())]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(*tasks)
    assert heard == 2
    assert all(task.done() for task in tasks)


async def test_who_is_cancelled_while_ending_others_ends_them_and_is_cancelled_then() -> None:
    """As the worker, whose children a task group cancels once: a drain that is too late must not wait for ever."""
    heard = 0

    async def deaf() -> None:
        nonlocal heard
        while heard < 4:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            heard += 1

    async def parent() -> None:
        async with asyncio.TaskGroup() as group:
            child = group.create_task(deaf())
            try:
                await asyncio.sleep(60)
            finally:
                await end(child)

    task = asyncio.create_task(parent())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    assert heard == 4
    assert task.cancelled()
