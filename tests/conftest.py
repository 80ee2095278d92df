"""What stories stand on: one real store for the session, and a world with a prefix of its own for each of them."""

import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.postgres import server
from tests.stories.world import World

STORE = """
import asyncio, sys
from pathlib import Path
from gateway.store.embedded import embedded

async def main():
    async with embedded(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server for the session; it ends when its standard input does, so also with us."""
    data = tmp_path_factory.mktemp("valkey")
    command = [sys.executable, "-c", STORE, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(20)


@pytest.fixture
async def world(valkey: str, tmp_path: Path) -> AsyncIterator[World]:
    """A gateway of one's own: configured with sandboxes and a policy that hardly forbids anything."""
    made = World(valkey, tmp_path, f"t{uuid.uuid4().hex[:10]}")
    made.configure()
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL server; without one these tests are left out at home, and fail in CI."""
    with server() as url:
        if url is None and os.environ.get("CI"):
            pytest.fail("no PostgreSQL on this machine; on Debian: apt-get install postgresql")
        if url is None:
            pytest.skip("no PostgreSQL on this machine; on Debian: apt-get install postgresql")
        yield url
