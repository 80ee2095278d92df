"""A real PostgreSQL server for the session, on a socket in a folder of its own; it ends with us.

PostgreSQL refuses to run as root, so that root lends it another user.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
USERS = "postgres", "nobody"
START_S = 30.0


def program(name: str) -> str | None:
    """Where a program of the server is, on the PATH or where Debian puts it."""
    found = shutil.which(name)
    return found or next((str(place / name) for place in PLACES if (place / name).exists()), None)


@contextmanager
def server() -> Iterator[str | None]:
    """The address of a server's first database, None where there is no server on this machine."""
    initdb, postgres = program("initdb"), program("postgres")
    if initdb is None or postgres is None:
        yield None
        return
    # Beside the tests' own folders, which nobody but root may enter; short, for a socket's path has 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        folder = Path(name)
        lent = _lent(folder)
        data = str(folder / "data")
        subprocess.run(
            [initdb, "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder, **lent,
        )  # fmt: skip
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [postgres, "-D", data, "-k", str(folder), *options], stdout=log, stderr=log, cwd=folder, **lent
            )
        try:
            _wait(folder, process)
            yield f"postgresql://test@/postgres?host={folder}"
        finally:
            process.terminate()
            process.wait(20)


def _lent(folder: Path) -> dict[str, int]:
    """What lets a process run as another user, where we are root."""
    if os.getuid() != 0:
        return {}
    for user in USERS:
        try:
            found = pwd.getpwnam(user)
        except KeyError:
            continue
        os.chown(folder, found.pw_uid, found.pw_gid)
        return {"user": found.pw_uid, "group": found.pw_gid}
    return {}


def _wait(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while not any(folder.glob(".s.PGSQL.*[0-9]")) or "ready to accept" not in (folder / "log").read_text():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError((folder / "log").read_text()[-2000:])
        time.sleep(0.05)
