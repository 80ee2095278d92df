"""Compares the host's copy of the time-zone data with the release that the gateway judges by.

The gateway never reads the host's copy; diallers, databases and cron do. Where the two differ, a call that we hand over
within its lawful hours may be made outside of them.
"""

import io
import os
import struct
import sysconfig
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.domain.clock import tzdata_release

_SPAN = 800
"""How many days ahead the clocks are compared."""
_PROBE = 2 * 86_400
"""Since 1970 no zone has changed its clock twice within less than a week (tests/domain/test_walltime.py looks)."""
_MARK = "# version "

Changes = tuple[tuple[int, timedelta | None], ...]


class HostZones(Struct, frozen=True, kw_only=True):
    """What a comparison found. `release` is None where the host does not tell it."""

    folders: tuple[str, ...]
    release: str | None
    compared: int
    differing: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """If any zone differs, a sentence that names every one that does, and says what to do."""
        if not self.differing:
            return ()
        copy = f"release {self.release}" if self.release else "of an unknown release"
        sentence = (
            f"time zones: this host's copy ({', '.join(self.folders)}, {copy}) differs from {tzdata_release()}, which "
            f"the gateway judges by, in {len(self.differing)} of {self.compared} zones: {', '.join(self.differing)}; "
            "update the host's tzdata, or, where no other program on this host reads time zones, set PYTHONTZPATH to "
            "an empty value for the gateway"
        )
        return (sentence,)


def host_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where Python would look for the host's copy: `PYTHONTZPATH`, if it is set (empty: nowhere), else the folders that
    were compiled in. What is no absolute path Python leaves out, and so do we."""
    listed = environ.get("PYTHONTZPATH")
    if listed is None:
        listed = sysconfig.get_config_var("TZPATH") or ""
    return tuple(Path(folder) for folder in listed.split(os.pathsep) if os.path.isabs(folder))


def compare(folders: Sequence[Path], today: date) -> HostZones:
    """Reads every zone of the package that the host has too, and compares when their clocks change, and to what, to the
    second, from `today` on. A file of the host that is no zone differs. What the files themselves look like does not
    matter, since the same zone may be compiled in many ways."""
    start = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp())
    package = resources.files("tzdata")
    compared, differing = 0, []
    for name in sorted(package.joinpath("zones").read_text().split()):
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is None:
            continue
        compared += 1
        ours = package.joinpath("zoneinfo", *name.split("/")).read_bytes()
        if _changes(path.read_bytes(), start) != _changes(ours, start):
            differing.append(name)
    return HostZones(
        folders=tuple(str(folder) for folder in folders if folder.is_dir()),
        release=_release(folders),
        compared=compared,
        differing=tuple(differing),
    )


@lru_cache(maxsize=2048)
def _changes(data: bytes, start: int) -> Changes | None:
    """When the clock of a zone file changes, and to what; None for what is no zone file. Many names have the same data,
    which is read once."""
    try:
        # The reader looks for the end of the last line, and would do so for ever in a file that is cut off.
        return _scan(ZoneInfo.from_file(io.BytesIO(data + b"\n")), start)
    except (ValueError, EOFError, IndexError, AssertionError, struct.error):
        return None


def _scan(zone: ZoneInfo, start: int) -> Changes:
    """The offset at the start, and every change of it, found by halving the time between two probes to a second."""

    def ahead(second: int) -> timedelta | None:
        return datetime.fromtimestamp(second, zone).utcoffset()

    found = [(start, ahead(start))]
    for probe in range(start, start + _SPAN * 86_400, _PROBE):
        low, high = probe, probe + _PROBE
        if ahead(high) == found[-1][1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if ahead(middle) == found[-1][1] else (low, middle)
        found.append((high, ahead(probe + _PROBE)))
    return tuple(found)


def _release(folders: Sequence[Path]) -> str | None:
    for folder in folders:
        for name in ("tzdata.zi", "+VERSION"):
            path = folder / name
            if path.is_file():
                first = path.read_text("utf-8", errors="replace").partition("\n")[0]
                if name == "+VERSION" or first.startswith(_MARK):
                    return first.removeprefix(_MARK).strip() or None
    return None
