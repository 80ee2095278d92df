"""Policies for stories: two of the shipped packs, and packs of many kinds that no country has, by jurisdiction.

Of our own messages every cap counts exactly those that it judges. So it does not matter in which order messages arrive
that were claimed at one instant, and an arrival can be checked with nothing but the list of arrivals.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Raw = dict[str, Any]
SHIPPED = Path(__file__).parents[2] / "config" / "policies"
CALLS = ["call.unanswered", "call.voicemail", "call.answered", "*.conversation"]


def window(hours: Mapping[str, Any], **more: Any) -> Raw:
    return {"kind": "window", "hours": dict(hours), **more}


def cap(most: int, within: Raw, *scope: str, counts: tuple[str, ...] = ("*.sent",), **more: Any) -> Raw:
    return {"kind": "cap", "max": most, "within": within, "scope": list(scope), "counts": list(counts), **more}


def after(counts: str, *scope: str, **more: Any) -> Raw:
    return {"kind": "cooloff", "counts": [counts], "scope": list(scope), **more}


def gap(length: str, *scope: str, **more: Any) -> Raw:
    return {"kind": "spacing", "min_gap": length, "scope": list(scope), **more}


ANSWERS: Raw = {"waived_by": ["response"], "except": ["inbound", "response"]}
PACKS: dict[str, dict[str, Raw]] = {
    "house": {
        "mail": window({"mon-sun": "05:30-23:30"}, applies={"channels": ["email"]}),
        "day": cap(3, {"rolling": "PT24H"}, "recipient", counts=("*.sent", *CALLS), **ANSWERS),
        "week": cap(14, {"days": 7}, "recipient", counts=("*.sent", *CALLS), **ANSWERS),
        "account": cap(2, {"rolling": "PT6H"}, "recipient", "account", otherwise="drop"),
        "talked": after("*.conversation", "recipient", "account", days=2, **ANSWERS),
    },
    "DE": {
        "hours": window({"mon-fri": "08:00-20:00", "sat": "09:00-13:00", "holiday": []}, holidays="days"),
        "gap": gap("PT2H", "recipient"),
    },
    "GB": {
        "hours": window({"mon-sun": "08:00-21:00"}),
        "day": cap(1, {"calendar": "day"}, "recipient", "account"),
    },
    "MA": {"hours": window({"mon-fri": ["09:00-12:00", "14:30-19:00"], "sat-sun": "10:00-12:00"})},
    "EG": {  # the clock goes back from midnight to eleven on the evening of 29 October
        "hours": window({"mon-sun": ["10:00-14:00", "22:30-00:30"]}),
        "day": cap(1, {"calendar": "day"}, "recipient", "account"),
    },
    "LB": {  # and here on the evening of 24 October
        "hours": window({"mon-sun": ["08:00-12:00", "23:15-01:00"]}),
        "date": cap(1, {"days": 1}, "recipient", "channel"),
    },
    "IN": {
        "hours": window({"mon-sun": "08:00-19:00"}),
        "channel": cap(1, {"calendar": "day"}, "recipient", "channel"),
    },
    "NP": {
        "hours": window({"mon-sun": "07:15-20:45"}, clock="fixed:Asia/Kathmandu"),
        "rest": after("*.sent", "recipient", "account", **{"for": "PT20H"}),
    },
    "JP": {
        "hours": window({"mon-fri": "09:00-21:00", "holiday": "10:00-12:00"}, holidays="days"),
        "week": cap(4, {"calendar": "week", "start": "sun"}, "recipient"),
    },
    "AU": {
        "hours": window({"mon-fri": "07:30-21:00", "sat-sun": "09:00-21:00", "holiday": []}, holidays="days"),
        "week": cap(3, {"calendar": "week", "start": "mon"}, "recipient", "account", otherwise="drop"),
    },
    "NZ": {
        "hours": window({"mon-sun": "20:00-02:00"}),
        "dates": cap(3, {"days": 2}, "recipient"),
    },
    "KI": {"hours": window({"mon-sat": "06:00-18:00"}), "address": cap(1, {"rolling": "PT36H"}, "address")},
    "CA": {
        "hours": window({"mon-sat": ["08:00-12:00", "13:30-20:30"], "sun": "13:00-17:00"}),
        "dates": cap(2, {"days": 2}, "recipient"),
    },
    "CU": {  # from one o'clock to midnight on 1 November
        "hours": window({"mon-sun": ["00:15-00:45", "09:00-18:00"]}),
        "gap": gap("PT30M", "recipient", "channel"),
    },
    "GL": {"hours": window({"mon-sun": ["09:00-12:00", "21:30-23:30"]})},  # from eleven to ten on 24 October
    "CL": {
        "texts": window({"mon-sun": "09:00-19:00"}, applies={"channels": ["sms"]}),
        "rest": window({"mon-sun": "07:00-22:00"}, applies={"channels": ["email", "push"]}),
        "month": cap(9, {"calendar": "month"}, "recipient"),
    },
    "BR": {
        "hours": window({"mon-fri": "08:00-20:00", "sat": "08:00-14:00"}),
        "woken": cap(2, {"rolling": "PT48H"}, "recipient", active_after=["call.unanswered"]),
    },
}
HOLIDAYS = {"DE": ["2026-10-31"], "JP": ["2026-11-03"], "AU": ["2026-11-03"]}
CLOCKS = {"CL": "fixed:America/Santiago"}


def write_packs(folder: Path) -> Path:
    """A folder of all these packs, as `policies` of a configuration."""
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    for code, rules in PACKS.items():
        told = {"source": "the story", "status": "verified"}
        listed = [{"id": f"{code.lower()}.{name}", **told, **rule} for name, rule in rules.items()]
        head = {"code": code, "title": code, "version": "story.1", "clock": CLOCKS.get(code, "recipient")}
        pack = {**head, "holidays": {"days": HOLIDAYS.get(code, [])}, "rules": listed}
        (policies / f"{code}.yaml").write_text(json.dumps(pack, indent=1))  # which is YAML
    for code in ("US", "CN"):
        shutil.copy(SHIPPED / f"{code}.yaml", policies)
    return policies
