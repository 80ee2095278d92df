"""Writes a moment in UTC and on the wall clock of the person side by side, and spans of time as people say them."""

import re
from collections.abc import Sequence

from gateway.domain.clock import parse_instant, zone
from gateway.domain.walltime import date_of
from gateway.policy.hours import local
from gateway.queries.words import Language, say, term

MOST_WALLS = 3
_WITHIN = re.compile(r"PT(?P<seconds>\d+)S rolling|(?P<days>\d+) local dates|week from (?P<start>\w+)|day|month")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def moment(at: str, zones: Sequence[str], language: Language) -> str:
    """`2026-03-09T12:00:00Z (2026-03-09 08:00:00 America/New_York)`; `at` is RFC 3339."""
    instant = parse_instant(at)
    known = [name for name in zones if zone(name) is not None]
    walls = [wall_of(name, instant, language) for name in known[:MOST_WALLS]]
    if len(known) > MOST_WALLS:
        walls.append(say(language, "more_zones", count=len(known) - MOST_WALLS))
    short = at.replace(".000Z", "Z")
    return say(language, "local", utc=short, walls=say(language, "then").join(walls)) if walls else short


def wall_of(name: str, at: int, language: Language) -> str:
    day, face = local(name, at)
    return say(language, "wall", wall=f"{date_of(day)} {face}", zone=name)


def within(text: str, language: Language, *, counted: bool = True) -> str:
    """What the figures call `PT86400S rolling`, `7 local dates`, `week from mon`, `day` or `month`. Of a time in which
    contacts are `counted` it is said that it may be any."""
    found = _WITHIN.fullmatch(text)
    if found is None:
        return text
    if found["seconds"]:
        size = elapsed(int(found["seconds"]), language)
        return say(language, "within:rolling", size=size) if counted else size
    if found["days"]:
        return say(language, "within:days", size=found["days"])
    if found["start"]:
        return say(language, "within:week", start=term(language, "day", found["start"]))
    return say(language, f"within:{text}")


def elapsed(seconds: int, language: Language) -> str:
    """`1 h 30 min`."""
    parts = []
    for size, unit in _UNITS:
        if size == 86_400 and seconds < 3 * size:  # a day or two are said in hours, as the law says them
            continue
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {term(language, 'unit', unit)}")
    return " ".join(parts) or f"0 {term(language, 'unit', 's')}"
