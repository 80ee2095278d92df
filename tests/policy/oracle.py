"""A second opinion on rules: slow, literal code that shares nothing with `gateway.policy`, to compare with.

It asks at every minute whether any rule blocks, with `datetime` and `zoneinfo` arithmetic on local clocks, straight
from the wording of POLICY. It knows `window`, `cap` and `stop`.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Raw = dict[str, Any]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def blocks(rule: Raw, vector: Raw, candidate: Raw, at: datetime) -> bool:
    channels = rule.get("applies", {}).get("channels")
    if channels and candidate["channel"] not in channels:
        return False
    if candidate.get("purpose") in rule.get("except_purposes", []):
        return False
    if set(candidate.get("flags", [])) & set(rule.get("waived_by", [])):
        return False
    clock = rule.get("clock", "recipient")
    zones = vector["zones"] if clock == "recipient" else [clock.split(":", 1)[1]]
    kind = {"window": closed, "cap": full, "stop": stopped}[rule["kind"]]
    return any(kind(rule, vector, candidate, at, ZoneInfo(zone)) for zone in zones)


def closed(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone).replace(tzinfo=None)
    for begun in (local.date(), local.date() - timedelta(days=1)):
        for text in slots(rule, vector, begun):
            start, end = (minutes(face) for face in text.split("-"))
            end += 24 * 60 if end <= start else 0
            midnight = datetime(begun.year, begun.month, begun.day)
            if midnight + timedelta(minutes=start) <= local < midnight + timedelta(minutes=end):
                return False
    return True


def slots(rule: Raw, vector: Raw, day: date) -> list[str]:
    hours = rule["hours"]
    names = vector.get("holidays", {}).get(rule.get("holidays"), [])
    found: Any = []
    if day.isoformat() in names and "holiday" in hours:
        found = hours["holiday"]
    else:
        for key, value in hours.items():
            first, _, last = key.partition("-")
            if first in DAYS and DAYS.index(first) <= day.weekday() <= DAYS.index(last or first):
                found = value
    return [found] if isinstance(found, str) else found


def minutes(face: str) -> int:
    hours, rest = face.split(":")
    return int(hours) * 60 + int(rest)


def full(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    same = [c for c in vector.get("history", []) if all(c.get(key) == candidate.get(key) for key in rule["scope"])]
    past = [c for c in same if moment(c["at"]) <= at]
    since = None
    if "active_after" in rule:
        wakers = [moment(c["at"]) for c in past if listed(rule["active_after"], c)]
        if not wakers:
            return False
        since = min(wakers)
    number = 0
    for contact in past:
        flags = set(contact.get("flags", [])) | ({"inbound"} if contact.get("direction") == "inbound" else set())
        if not listed(rule["counts"], contact) or flags & set(rule.get("except", [])):
            continue
        if since is not None and moment(contact["at"]) < since:
            continue
        number += within(rule["within"], moment(contact["at"]), at, zone)
    return number >= rule["max"]


def listed(counts: list[str], contact: Raw) -> bool:
    events = {"sent": ["sent", "delivered"], "delivered": ["sent", "delivered"]}.get(
        contact["event"], [contact["event"]]
    )
    names = [f"{channel}.{event}" for channel in ("*", contact["channel"]) for event in ("*", *events)]
    return any(name in counts for name in names)


def within(window: Raw, then: datetime, at: datetime, zone: ZoneInfo) -> bool:
    if "rolling" in window:
        return at - then < timedelta(hours=int(window["rolling"].removeprefix("PT").removesuffix("H")))
    old, today = then.astimezone(zone).date(), at.astimezone(zone).date()
    if "days" in window:
        return today - timedelta(days=window["days"]) < old <= today
    if window["calendar"] == "day":
        return old == today
    if window["calendar"] == "month":
        return (old.year, old.month) == (today.year, today.month)
    start = DAYS.index(window.get("start", "mon"))
    return old - timedelta(days=(old.weekday() - start) % 7) == today - timedelta(days=(today.weekday() - start) % 7)


def stopped(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    for state in vector.get("states", []):
        if state["state"] not in rule["states"]:
            continue
        if any(key in state and state[key] != candidate.get(key) for key in rule["match"]):
            continue
        if ("from" not in state or moment(state["from"]) <= at) and (
            "until" not in state or at < moment(state["until"])
        ):
            return True
    return False


def first_open(vector: Raw, candidate: Raw, at: datetime, days: int) -> datetime | None:
    """The first admissible minute, `at` or later; for facts and hours that lie on whole minutes."""
    for step in range(days * 24 * 60 + 1):
        now = at + timedelta(minutes=step)
        if not any(blocks(rule, vector, candidate, now) for rule in vector["rules"]):
            return now
    return None


def written(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
