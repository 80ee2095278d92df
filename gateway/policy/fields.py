"""Reads the keys of a pack, a rule or a vector, and remembers every mistake with the key it stands at.

Reading goes on after a mistake with a value that does no harm, so that all mistakes are told at once; whoever reads
must look at `faults` before using what was read.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

from msgspec import Struct

from gateway.domain.clock import DAY, HOUR, MINUTE, SECOND, Instant, parse_instant, zone

MOST = 10**9
MOST_DAYS = 40_000
"""More than a hundred years is a slip of the pen."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


class Fault(Struct, frozen=True):
    """A mistake: the way of keys to it, and a sentence that says what to write instead."""

    path: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: {self.sentence}" if self.path else self.sentence


class Fields:
    """The keys of one mapping. A key that nobody asked for is a mistake: call `done` at the end."""

    def __init__(self, raw: object, path: tuple[str, ...] = (), faults: list[Fault] | None = None) -> None:
        self.path = path
        self.faults: list[Fault] = [] if faults is None else faults
        self._asked: set[str] = set()
        self._raw: Mapping[Any, Any] = {}
        if isinstance(raw, Mapping):
            self._raw = raw
        else:
            self.faults.append(Fault(path, "must be a mapping of keys to values"))

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def wrong(self, key: str, sentence: str) -> None:
        self.faults.append(Fault((*self.path, key), sentence))

    def raw(self, key: str) -> Any:
        self._asked.add(key)
        return self._raw.get(key)

    def names(self) -> Iterator[str]:
        """Every key that is there, for mappings whose keys are data."""
        for key in self._raw:
            self._asked.add(key)
            if isinstance(key, str):
                yield key
            else:
                self.wrong(str(key), "must be a text; put it in quotes")

    def text(self, key: str, default: str | None = None, one_of: Collection[str] = ()) -> str:
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, "is missing" if value is None else "must be a text that is not empty")
        elif one_of and value not in one_of:
            self.wrong(key, f"is {value!r}, but must be one of {', '.join(one_of)}")
        else:
            return value
        return default or ""

    def whole(self, key: str, least: int = 0, most: int = MOST) -> int:
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.wrong(
                key, "is missing" if value is None else f"must be a whole number, {least} or more, at most {most}"
            )
            return least
        return value

    def words(self, key: str, default: tuple[str, ...] = (), one_of: Collection[str] = ()) -> tuple[str, ...]:
        """A list of words, such as `[sms, email]`; a key that is not there is `default`."""
        value = self.raw(key)
        if value is None and key not in self._raw:
            return default
        if not isinstance(value, list) or not all(isinstance(word, str) and word.strip() for word in value):
            self.wrong(key, "must be a list of words")
            return default
        for word in value:
            if one_of and word not in one_of:
                self.wrong(key, f"has {word!r}, but may hold only {', '.join(one_of)}")
        return tuple(value)

    def section(self, key: str) -> "Fields | None":
        """The keys of a mapping below this one; None if there is none."""
        value = self.raw(key)
        return None if value is None else Fields(value, (*self.path, key), self.faults)

    def duration(self, key: str) -> int:
        """ISO 8601 of elapsed days, hours, minutes and seconds (`PT24H`, `P7D`) → milliseconds."""
        value = self.raw(key)
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        length = 0
        if match:
            days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
            length = days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND
        if not length:
            self.wrong(key, "is missing" if value is None else "must be a duration such as PT24H, PT15M or P7D")
        return length

    def day(self, key: str) -> date | None:
        value = self.raw(key)
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.wrong(key, "must be a date such as 2026-11-20")
            return None

    def instant(self, key: str) -> Instant | None:
        value = self.raw(key)
        if value is None:
            return None
        try:
            return parse_instant(value)
        except (TypeError, ValueError):
            self.wrong(key, "must be an RFC 3339 time with an offset, such as 2026-11-23T04:00:00Z")
            return None

    def clock(self, key: str, default: str) -> str:
        """`recipient`, or the zone of `fixed:<zone>`."""
        value = self.text(key, default)
        if value == "recipient" or (value == default and zone(value)):
            return value
        name = value.removeprefix("fixed:")
        if name == value or zone(name) is None:
            self.wrong(key, f"is {value!r}, but must be recipient or fixed:<IANA zone>, such as fixed:Asia/Shanghai")
            return "recipient"
        return name

    def done(self) -> None:
        for key in self._raw:
            if key not in self._asked:
                self.wrong(str(key), "is an unknown key here")
