"""Counts, when the year is over, every rule that a message broke: by brute force over the whole history.

It knows nothing of `gateway.policy`, nor of `oracle`: for each message it looks at everything that was entered before
it, on the local clocks of `zoneinfo`. What others did is not held against us, but counts.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import Any
from zoneinfo import ZoneInfo

Raw = dict[str, Any]
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LENGTHS = {"PT15M": 900, "PT3H": 10_800, "PT5H": 18_000, "PT24H": 86_400, "PT30H": 108_000, "PT49H": 176_400}
"""The durations that packs of a year use, in seconds."""
KEYS = {"day": "%Y-%m-%d", "week": "%G week %V", "month": "%Y-%m"}


def breaches(pack: Raw, log: list[Raw]) -> list[str]:
    """A line for each rule that a message of ours broke."""
    timed = [entry | {"time": datetime.fromisoformat(entry.get("at") or entry["from"])} for entry in log]
    found = []
    for index, message in enumerate(timed):
        if "ours" in message:
            for rule in pack["rules"]:
                for zone in pack["zones"]:
                    for why in broken(rule, message, timed[:index], pack["holidays"]["LIST"], ZoneInfo(zone)):
                        found.append(f"{message['at']} {rule['kind']} {rule['id']} in {zone}: {why}")
    return found


def broken(rule: Raw, message: Raw, before: list[Raw], holidays: list[str], zone: ZoneInfo) -> Iterator[str]:
    now = message["time"]
    today = now.astimezone(zone).date()
    past = [entry for entry in before if "state" not in entry]
    match rule["kind"]:
        case "window":
            if not is_within(rule["hours"], holidays, now, zone):
                yield f"sent at {now.astimezone(zone):%a %H:%M:%S}"
        case "blackout":
            if any(text[:10] <= today.isoformat() <= text[-10:] for text in rule.get("dates", [])):
                yield f"sent on {today}"
            if "weekly" in rule and is_within(rule["weekly"], [], now, zone):
                yield f"sent at {now.astimezone(zone):%a %H:%M:%S}"
        case "cap":
            number = sum(shares(rule["within"], entry["time"], now, zone) for entry in concerned(rule, message, past))
            if number >= rule["max"]:
                yield f"{number} before it"
        case "spacing":
            last = max((entry["time"] for entry in concerned(rule, message, past)), default=None)
            if last is not None and (now - last).total_seconds() < LENGTHS[rule["min_gap"]]:
                yield f"{now - last} after the last"
        case "cooloff":
            for entry in concerned(rule, message, past):
                silent = (now - entry["time"]).total_seconds() < LENGTHS[rule["for"]] if "for" in rule else False
                if silent or (today - entry["time"].astimezone(zone).date()).days < rule.get("days", 0):
                    yield f"after {entry['at']}"
        case "channel_lock":
            week = [
                entry
                for entry in concerned(rule, message, past)
                if shares({"calendar": "week"}, entry["time"], now, zone)
            ]
            if week and week[0]["channel"] != message["channel"]:
                yield f"after {week[0]['channel']} at {week[0]['at']}"
        case "stop":
            for entry in before:
                if entry.get("state") in rule["states"] and now < datetime.fromisoformat(entry["until"]):
                    yield f"in {entry['state']} until {entry['until']}"
        case "require":
            notices = [entry["time"].astimezone(zone).date() for entry in concerned(rule, message, past)]
            if not any(serves(rule, notice, today, holidays) for notice in notices):
                yield f"without a notice that serves, on {today}"


def concerned(rule: Raw, message: Raw, past: list[Raw]) -> list[Raw]:
    patterns = rule.get("counts") or rule.get("event") or ["*"]
    return [
        entry
        for entry in past
        if any(fnmatch(f"{entry['channel']}.{entry['event']}", pattern) for pattern in patterns)
        and [entry[key] for key in rule["scope"]] == [message[key] for key in rule["scope"]]
        and not (rule.get("except") and entry.get("direction") == "inbound")
    ]


def is_within(hours: Raw, holidays: list[str], now: datetime, zone: ZoneInfo) -> bool:
    here = now.astimezone(zone)
    seconds = here.hour * 3600 + here.minute * 60 + here.second
    for days_ago in (0, 1):
        for start, end in spans(hours, holidays, here.date() - timedelta(days=days_ago)):
            if start <= seconds + days_ago * 86_400 < end:
                return True
    return False


def spans(hours: Raw, holidays: list[str], day: date) -> Iterator[tuple[int, int]]:
    """Seconds since midnight."""
    written: Any = hours.get("holiday") if day.isoformat() in holidays else None
    if written is None:
        days = [
            key for key in hours if key != "holiday" and WEEK.index(key[:3]) <= day.weekday() <= WEEK.index(key[-3:])
        ]
        written = hours[days[0]] if days else []
    for text in [written] if isinstance(written, str) else written:
        start, end = (int(face[:2]) * 3600 + int(face[3:]) * 60 for face in text.split("-"))
        yield start, end if end > start else end + 86_400


def shares(within: Raw, then: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether what happened then still counts."""
    if "rolling" in within:
        return (now - then).total_seconds() < LENGTHS[within["rolling"]]
    if "days" in within:
        return (now.astimezone(zone).date() - then.astimezone(zone).date()).days < int(within["days"])
    key = KEYS[within["calendar"]]
    return format(then.astimezone(zone), key) == format(now.astimezone(zone), key)


def serves(rule: Raw, notice: date, today: date, holidays: list[str]) -> bool:
    between = [notice + timedelta(days=step) for step in range(1, (today - notice).days)]
    working = sum(day.isoweekday() <= 5 and day.isoformat() not in holidays for day in between)
    waited = (today - notice).days >= rule["wait"].get("days", 0) and working >= rule["wait"].get("business_days", 0)
    return waited and (today - notice).days < int(rule["fresh_for"]["days"])
