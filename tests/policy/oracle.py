"""A second opinion on rules: slow, literal code that shares nothing with `gateway.policy`, to compare with.

It asks at every minute whether any rule blocks, with `datetime` and `zoneinfo` arithmetic on local clocks, straight
from the wording of POLICY. Every kind is a function that says whether the rule blocks at one moment in one zone.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EVENTS = {"sent": ["sent", "delivered"], "delivered": ["sent", "delivered"], "undelivered": ["sent", "undelivered"]}
DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
DAY = timedelta(days=1)
Raw = dict[str, Any]


@lru_cache(maxsize=65_536)
def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def duration(text: str) -> timedelta:
    found = DURATION.fullmatch(text)
    assert found, text
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def local_date(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


# Whom and when the rule concerns.


def blocks(rule: Raw, vector: Raw, candidate: Raw, at: datetime) -> bool:
    """Whether the rule blocks: it does if it does in any of the zones whose clock it reads."""
    if rule.get("otherwise") == "warn" or not selects(rule, candidate):
        return False
    clock = rule.get("clock", "recipient")
    zones = [ZoneInfo(zone) for zone in (vector["zones"] if clock == "recipient" else [clock.split(":", 1)[1]])]
    if not any(in_force(rule.get("effective", {}), at, zone) for zone in zones):
        return False
    return any(KINDS[rule["kind"]](rule, vector, candidate, at, zone) for zone in zones)


def selects(rule: Raw, candidate: Raw) -> bool:
    applies = rule.get("applies", {})
    if "channels" in applies and candidate["channel"] not in applies["channels"]:
        return False
    purpose = candidate.get("purpose", "collection")
    if "purposes" in applies and purpose not in applies["purposes"]:
        return False
    if "roles" in applies and candidate.get("role", "creditor") not in applies["roles"]:
        return False
    if purpose in rule.get("except_purposes", []):
        return False
    return not set(candidate.get("flags", [])) & set(rule.get("waived_by", []))


def in_force(effective: Raw, at: datetime, zone: ZoneInfo) -> bool:
    """The date `from` is inside, the date `until` is not."""
    today = local_date(at, zone).isoformat()
    return effective.get("from", today) <= today and ("until" not in effective or today < effective["until"])


# Hours.


def closed(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    return not inside_hours(rule["hours"], holidays(rule, vector), at, zone)


def inside_hours(hours: Raw, holidays: list[str], at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone).replace(tzinfo=None)
    for begun in (local.date(), local.date() - DAY):
        for text in slots(hours, holidays, begun):
            start, end = (minutes(face) for face in text.split("-"))
            end += 24 * 60 if end <= start else 0
            midnight = datetime(begun.year, begun.month, begun.day)
            if midnight + timedelta(minutes=start) <= local < midnight + timedelta(minutes=end):
                return True
    return False


def slots(hours: Raw, holidays: list[str], day: date) -> list[str]:
    found: Any = []
    if day.isoformat() in holidays and "holiday" in hours:
        found = hours["holiday"]
    else:
        for key, value in hours.items():
            if key != "holiday" and DAYS[day.weekday()] in named_days(key):
                found = value
    return [found] if isinstance(found, str) else found


def named_days(key: str) -> list[str]:
    first, _, last = key.partition("-")
    week = DAYS[DAYS.index(first) :] + DAYS[: DAYS.index(first)]
    return week[: week.index(last or first) + 1]


def holidays(rule: Raw, vector: Raw) -> list[str]:
    listed: list[str] = vector.get("holidays", {}).get(rule.get("holidays"), [])
    return listed


def minutes(face: str) -> int:
    hours, rest = face.split(":")
    return int(hours) * 60 + int(rest)


# What counts contacts.


def counted(rule: Raw, vector: Raw, candidate: Raw, at: datetime, key: str = "counts") -> list[Raw]:
    """The contacts at or before the moment that the rule's list names, in its scope, without those it excepts."""
    return [
        contact
        for contact in vector.get("history", [])
        if moment(contact["at"]) <= at
        and listed(rule.get(key, ["*.*"]), contact)
        and same(rule["scope"], contact, candidate)
        and not flags(contact) & set(rule.get("except", []))
    ]


def flags(contact: Raw) -> set[str]:
    return set(contact.get("flags", [])) | ({"inbound"} if contact.get("direction") == "inbound" else set())


def same(scope: list[str], contact: Raw, candidate: Raw) -> bool:
    return all(contact.get(key) == candidate.get(key) for key in scope)


def listed(counts: list[str], contact: Raw) -> bool:
    events = EVENTS.get(contact["event"], [contact["event"]])
    names = [f"{channel}.{event}" for channel in ("*", contact["channel"]) for event in ("*", *events)]
    return any(name in counts for name in names)


def full(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    times = [moment(contact["at"]) for contact in counted(rule, vector, candidate, at)]
    if "active_after" in rule:
        wakers = counted({**rule, "except": []}, vector, candidate, at, "active_after")
        if not wakers:
            return False
        times = [then for then in times if then >= min(moment(waker["at"]) for waker in wakers)]
    return sum(within(rule["within"], then, at, zone) for then in times) >= rule["max"]


def within(window: Raw, then: datetime, at: datetime, zone: ZoneInfo) -> bool:
    if "rolling" in window:
        return at - then < duration(window["rolling"])
    old, today = local_date(then, zone), local_date(at, zone)
    if "days" in window:
        return today - timedelta(days=window["days"]) < old <= today
    if window["calendar"] == "day":
        return old == today
    if window["calendar"] == "month":
        return (old.year, old.month) == (today.year, today.month)
    return week_of(window, old) == week_of(window, today)


def week_of(window: Raw, day: date) -> date:
    return day - timedelta(days=(day.weekday() - DAYS.index(window.get("start", "mon"))) % 7)


def cooling(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    for contact in counted(rule, vector, candidate, at):
        then = moment(contact["at"])
        if "for" in rule and at - then < duration(rule["for"]):
            return True
        if "days" in rule and local_date(at, zone) < local_date(then, zone) + timedelta(days=rule["days"]):
            return True
    return False


def too_close(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    times = [moment(contact["at"]) for contact in counted(rule, vector, candidate, at)]
    return bool(times) and at - max(times) < duration(rule["min_gap"])


def locked(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    """Of several channels used in a week, which no sender who keeps the rule brings about, the first is the one."""
    week = week_of(rule, local_date(at, zone))
    used = [
        contact
        for contact in counted(rule, vector, candidate, at)
        if week_of(rule, local_date(moment(contact["at"]), zone)) == week
    ]
    return bool(used) and min(used, key=lambda contact: moment(contact["at"]))["channel"] != candidate["channel"]


# What looks at states.


def held(words: list[str], rule: Raw, vector: Raw, candidate: Raw, at: datetime) -> list[Raw]:
    """The states of these words that match and cover the moment."""
    return [
        state
        for state in vector.get("states", [])
        if state["state"] in words
        and all(key not in state or state[key] == candidate.get(key) for key in rule.get("match", ["recipient"]))
        and ("from" not in state or moment(state["from"]) <= at)
        and ("until" not in state or at < moment(state["until"]))
    ]


def stopped(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    return bool(held(rule["states"], rule, vector, candidate, at))


def blacked_out(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    today = local_date(at, zone).isoformat()
    for text in rule.get("dates", []):
        first, _, last = text.partition("/")
        if first <= today <= (last or first):
            return True
    for interval in rule.get("intervals", []):
        if moment(interval["from"]) <= at < moment(interval["until"]):
            return True
    free = holidays(rule, vector)
    if "weekly" in rule and inside_hours(rule["weekly"], free, at, zone):
        return True
    return any(
        "weekly" not in state or inside_hours(state["weekly"], free, at, zone)
        for state in held(rule.get("states", []), rule, vector, candidate, at)
    )


def lacking(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    if "state" in rule:
        found = held([rule["state"]], rule, vector, candidate, at)
        begun = [moment(state["from"]) if "from" in state else None for state in found]
    else:
        begun = [moment(contact["at"]) for contact in counted(rule, vector, candidate, at, "event")]
    return not any(good(rule, vector, then, at, zone) for then in begun)


def good(rule: Raw, vector: Raw, then: datetime | None, at: datetime, zone: ZoneInfo) -> bool:
    """Whether what happened then is old enough and still fresh. Since ever is old enough, and never fresh."""
    if then is None:
        return "fresh_for" not in rule
    first, today = local_date(then, zone), local_date(at, zone)
    if "fresh_for" in rule and today >= first + timedelta(days=rule["fresh_for"]["days"]):
        return False
    wait = rule.get("wait", {})
    if "days" in wait:
        return today >= first + timedelta(days=wait["days"])
    between = [first + timedelta(days=step) for step in range(1, (today - first).days)]
    free = holidays(rule, vector)
    business = [day for day in between if day.weekday() < 5 and day.isoformat() not in free]
    return len(business) >= wait["business_days"] if "business_days" in wait else True


def silent(rule: Raw, vector: Raw, candidate: Raw, at: datetime, zone: ZoneInfo) -> bool:
    """`content` looks at a text, and a vector carries none."""
    return False


KINDS = {
    "window": closed,
    "cap": full,
    "cooloff": cooling,
    "spacing": too_close,
    "channel_lock": locked,
    "stop": stopped,
    "blackout": blacked_out,
    "require": lacking,
    "content": silent,
}


# Asking.


def blocking(vector: Raw, candidate: Raw, at: datetime) -> list[str]:
    return [rule["id"] for rule in vector["rules"] if blocks(rule, vector, candidate, at)]


def first_open(vector: Raw, candidate: Raw, at: datetime, days: int, step: int = 1) -> datetime | None:
    """The first admissible moment, `at` or later, for facts and hours on whole minutes, or on every `step`th."""
    for number in range(days * 24 * 60 // step + 1):
        now = at + timedelta(minutes=step * number)
        if not any(blocks(rule, vector, candidate, now) for rule in vector["rules"]):
            return now
    return None


def written(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
