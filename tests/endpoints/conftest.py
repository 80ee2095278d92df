"""What the stories of endpoints share."""

from collections.abc import AsyncIterator

import pytest

from tests.endpoints.office import Office
from tests.endpoints.producer import Producer


@pytest.fixture
async def office(valkey: str) -> AsyncIterator[Office]:
    made = Office(valkey)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def producer() -> AsyncIterator[Producer]:
    """One whose story may have a clock of its own."""
    async with Producer(any_time=True).serve() as made:
        yield made
