"""The embedded store, with the real server: it keeps what it acknowledged, has one owner, and outlives nobody."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gateway.store.embedded import LOCK, EmbeddedError, embedded

CHILD = """
import asyncio, sys
from pathlib import Path
from gateway.store.embedded import embedded

async def main():
    async with embedded(Path(sys.argv[1])) as url:
        print(url, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[redis.Redis]:
    connection = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2, socket_timeout=None)
    try:
        yield connection
    finally:
        await connection.aclose()


@contextlib.asynccontextmanager
async def gateway(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Another process that uses the store of the folder; ends cleanly when its standard input does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(data), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            await process.wait()


async def eventually(url: str, seconds: float = 10) -> redis.Redis:
    """A connection to a server that may be about to come back."""
    async with asyncio.timeout(seconds):
        while True:
            connection = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), protocol=2)
            try:
                await connection.ping()
                return connection
            except (redis.RedisError, OSError):
                await connection.aclose()
                await asyncio.sleep(0.02)


async def server_pid(url: str) -> int:
    async with client(url) as store:
        return int((await store.info("server"))["process_id"])


def lives(pid: int) -> bool:
    """Whether the process runs; one that waits for its parent to look has no command line any more."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def gone(pid: int) -> None:
    for _ in range(500):
        if not lives(pid):
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server still lives after 10 s")


def tear(data: Path) -> None:
    """Cuts the end of the last entry off, as a power failure does."""
    (log,) = data.glob("appendonlydir/*.incr.aof")
    log.write_bytes(log.read_bytes()[:-5])


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async with embedded(tmp_path / "store") as url, client(url) as store:
        await store.xadd("s", {"a": "1"})
    async with embedded(tmp_path / "store") as url, client(url) as store:
        assert await store.xlen("s") == 1


async def test_it_runs_as_the_design_asks(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url, client(url) as store:
        told = await store.config_get()
        assert (told["appendonly"], told["appendfsync"], told["save"]) == ("yes", "always", "")
        assert (told["maxmemory-policy"], told["port"]) == ("noeviction", "0")
    assert tmp_path.joinpath(LOCK).exists()


async def test_every_acknowledged_write_survives_the_servers_kill_and_the_server_comes_back_by_itself(
    tmp_path: Path,
) -> None:
    async with embedded(tmp_path) as url:
        async with client(url) as store:
            for number in range(50):
                await store.xadd("s", {"n": number})
        os.kill(await server_pid(url), signal.SIGKILL)
        store = await eventually(url)
        assert await store.xlen("s") == 50
        await store.aclose()


async def test_a_log_cut_in_the_middle_of_an_entry_is_read_up_to_there(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url, client(url) as store:
        await store.set("kept", "1")
        await store.set("torn", "1")
    tear(tmp_path)
    async with embedded(tmp_path) as url, client(url) as store:
        assert await store.mget("kept", "torn") == [b"1", None]


async def test_who_comes_second_attaches_and_leaves_the_server_running(tmp_path: Path) -> None:
    async with embedded(tmp_path) as mine, gateway(tmp_path) as (other, theirs):
        assert await server_pid(mine) == await server_pid(theirs)
        assert other.stdin is not None
        other.stdin.close()
        assert await other.wait() == 0
        await server_pid(mine)


async def test_the_server_dies_with_a_killed_owner_and_another_process_brings_it_back_with_all_data(
    tmp_path: Path,
) -> None:
    async with gateway(tmp_path) as (owner, url), embedded(tmp_path) as mine:
        first = await server_pid(url)
        async with client(mine) as store:
            await store.set("k", "v")
        owner.kill()
        await gone(first)
        store = await eventually(mine)
        assert await store.get("k") == b"v"
        assert (await store.info("server"))["process_id"] != first
        await store.aclose()


async def test_the_server_dies_with_a_killed_owner_when_nobody_else_needs_it(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (owner, url):
        pid = await server_pid(url)
        owner.kill()
        await gone(pid)


async def test_many_that_start_at_once_share_one_server_and_so_do_those_left_when_its_owner_is_killed(
    tmp_path: Path,
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        started = await asyncio.gather(*(stack.enter_async_context(gateway(tmp_path)) for _ in range(6)))
        assert len({await server_pid(url) for _, url in started}) == 1
        left = [process for process, _ in started]
        url = started[0][1]
        for _ in range(4):
            first = await server_pid(url)
            owner = next(process for process in left if process.pid == parent(first))
            owner.kill()
            left.remove(owner)
            await gone(first)
            store = await eventually(url)
            await store.incr("kills")
            await store.aclose()
        async with client(url) as store:
            assert await store.get("kills") == b"4"
        assert parent(await server_pid(url)) in {process.pid for process in left}


async def test_an_interrupt_in_the_terminal_does_not_reach_the_server(tmp_path: Path) -> None:
    async with embedded(tmp_path) as url:
        assert os.getsid(await server_pid(url)) != os.getsid(0)


async def test_a_folder_deeper_than_a_sockets_address_and_with_odd_letters_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120) / "with space % and 中文"
    async with embedded(deep) as url, client(url) as store:
        assert len(url) < 108
        assert await store.ping()
    odd = tmp_path / "50% ?#中"
    async with embedded(odd) as url, client(url) as store:
        assert await store.ping()


async def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="folder of the embedded store cannot be used"):
        async with embedded(tmp_path / "file" / "store"):
            pass


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedError, match=r"ended with status 1: .*valkey\.log"):
        async with embedded(tmp_path):
            pass


async def test_a_folder_held_by_something_that_does_not_answer_is_told(tmp_path: Path) -> None:
    with (tmp_path / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedError, match="another process holds the folder"):
            async with embedded(tmp_path, ready_s=0.3):
                pass
