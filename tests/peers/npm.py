"""Independent peers from the npm registry, for what we would otherwise only check against ourselves.

They are installed into a folder of the system's temporary ones, at a fixed version, and never into the repository.
Where there is no Node.js the test is skipped at home, and fails in CI.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.alone import alone

INSTALL_S = 180


def installed(*packages: str) -> Path:
    """The folder in which these packages (`name@version`) can be required; installed once for a machine."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        _missing("node and npm are not on this machine")
    folder = Path(tempfile.gettempdir()) / ("gateway-peers-" + "-".join(p.replace("/", "_") for p in packages))
    done = folder / ".installed"
    command = [str(npm), "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), *packages]
    with alone("npm"):
        if not done.exists():
            folder.mkdir(exist_ok=True)
            try:
                subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=INSTALL_S)
            except (OSError, subprocess.SubprocessError) as error:
                _missing(f"npm could not install {', '.join(packages)}: {error}")
            done.touch()
    return folder


def _missing(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(folder: Path, *command: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A peer as a process of its own, listening on a port; ended by its own id."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(20):
            while not await _answers(port):
                assert process.returncode is None, f"the peer ended with {process.returncode}"
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
