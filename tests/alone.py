"""One process at a time: tests run side by side, and what they install on a machine must be installed once."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(what: str) -> Iterator[None]:
    """Holds every other process back that is `alone` with the same thing."""
    with (Path(tempfile.gettempdir()) / f"gateway-{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
