"""Time as the gateway speaks it: instants are whole milliseconds since the epoch (UTC), zones come from `tzdata`.

The operating system's copy of the zone data is often a year old, and `zoneinfo` prefers it unless its search path is
emptied; time-zone data is part of the law, so the path is emptied here, before any zone is made.
"""

import re
import time
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Protocol

Instant = int
"""Milliseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

zoneinfo.reset_tzpath(to=())
zoneinfo.ZoneInfo.clear_cache()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
"""The instants that can be written again: an offset may carry the first and the last day beyond the calendar."""
_NO_CLOCK = "Factory"
"""What tzdata calls a machine whose time zone nobody has set; its clock says UTC with the offset `-00`, "unknown"."""
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


class Clock(Protocol):
    """Tells the time; passed in, so that a test can drive it."""

    def now(self) -> Instant: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> Instant:
        return time.time_ns() // 1_000_000


@lru_cache(maxsize=1024)
def zone(name: str) -> zoneinfo.ZoneInfo | None:
    """The zone of an IANA name from the `tzdata` package, or None if there is none, or it is no place's clock."""
    if name == _NO_CLOCK:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


@lru_cache(maxsize=1)
def tzdata_release() -> str:
    """The release of the zone data really in use, as written in the data itself: `2026f`."""
    first = resources.files("tzdata").joinpath("zoneinfo/tzdata.zi").read_text().partition("\n")[0]
    return first.removeprefix("# version ").strip()


def parse_instant(text: str) -> Instant:
    """RFC 3339 with an offset → instant. Raises ValueError with a sentence that says what is wrong."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-11-23T04:00:00Z")
    moment = datetime.fromisoformat(text.upper())
    at = int((moment - _EPOCH) // timedelta(milliseconds=1))
    if not _FIRST <= at <= _LAST:
        raise ValueError("must lie within the years 1 to 9999 in UTC")
    return at


def format_instant(at: Instant) -> str:
    """Instant → RFC 3339 in UTC with milliseconds: `2026-11-23T04:00:00.000Z`; the calendar's end for one beyond it."""
    seconds, ms = divmod(min(max(at, _FIRST), _LAST), SECOND)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
