"""Draws vectors of rules, histories and moments near changes of the clock, on whole minutes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Raw = dict[str, Any]

CHANGES = {
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],  # midnight does not exist in September
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],  # by half an hour
    "Asia/Kathmandu": ["2026-06-01T00:00"],  # 05:45 ahead
    "Africa/Cairo": ["2026-04-23T22:00", "2026-10-29T21:00"],  # at midnight
    "America/Nuuk": ["2026-03-29T01:00", "2026-10-25T01:00"],  # the day before ends twice
    "Pacific/Chatham": ["2026-04-04T14:00", "2026-09-26T14:00"],
    "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
}
HOURS: list[Raw] = [
    {"mon-sun": "08:00-21:00"},
    {"mon-sun": "22:00-02:00"},
    {"mon-sun": ["00:00-01:30", "23:15-24:00"]},
    {"mon-fri": ["08:00-12:00", "13:30-20:30"], "sat": "09:00-00:30", "holiday": []},
    {"mon-sun": "00:00-24:00", "holiday": "02:15-02:45"},
    {"sat-sun": "01:45-03:15", "mon-fri": "00:30-02:30"},
]
WITHINS: list[Raw] = [
    {"rolling": "PT24H"},
    {"rolling": "PT3H"},
    {"days": 1},
    {"days": 3},
    {"calendar": "day"},
    {"calendar": "week", "start": "sun"},
    {"calendar": "month"},
]
CHANNELS, PEOPLE, ACCOUNTS = ["sms", "call"], ["C1", "C2"], ["D1", "D2"]


@st.composite
def rules(draw: st.DrawFn, kinds: tuple[str, ...] = ("window", "cap", "stop")) -> Raw:
    rule: Raw = {"kind": draw(st.sampled_from(kinds)), "source": "drawn", "status": "unverified"}
    if draw(st.integers(0, 4)) == 0:
        rule["applies"] = {"channels": ["sms"]}
    if draw(st.integers(0, 4)) == 0:
        rule["clock"] = "fixed:" + draw(st.sampled_from(sorted(CHANGES)))
    if rule["kind"] == "window":
        return rule | {"hours": draw(st.sampled_from(HOURS)), "holidays": "LIST"}
    if rule["kind"] == "stop":
        return rule | {
            "states": draw(st.sampled_from([["cease"], ["cease", "dispute"]])),
            "match": ["recipient", "account"],
        }
    rule |= {"max": draw(st.integers(0, 2)), "within": draw(st.sampled_from(WITHINS))}
    rule |= {"counts": draw(st.sampled_from([["*.*"], ["sms.sent"], ["call.unanswered", "*.delivered"]]))}
    rule |= {"scope": draw(st.sampled_from([["recipient"], ["recipient", "account"], ["channel"], []]))}
    if draw(st.booleans()):
        rule["except"] = ["inbound"]
    if draw(st.integers(0, 3)) == 0:
        rule["active_after"] = ["call.unanswered"]
    return rule


@st.composite
def vectors(draw: st.DrawFn, most_rules: int = 3) -> Raw:
    """A vector with one candidate and one moment, as `{rules, zones, holidays, history, states, candidate, at}`."""
    home = draw(st.sampled_from(sorted(CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[home]))).replace(tzinfo=UTC)
    more = draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=1))

    def near(hours: int) -> str:
        at = change + timedelta(minutes=15 * draw(st.integers(-4 * hours, 4 * hours)))
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    drawn = draw(st.lists(rules(), min_size=1, max_size=most_rules))
    return {
        "rules": [{"id": f"rule-{number}", **rule} for number, rule in enumerate(drawn)],
        "zones": list(dict.fromkeys([home, *more])),
        "holidays": {"LIST": [change.date().isoformat()]},
        "history": [contact(draw, near(60)) for _ in range(draw(st.integers(0, 5)))],
        "states": [state(draw, near(30), near(30)) for _ in range(draw(st.integers(0, 1)))],
        "candidate": {"channel": draw(st.sampled_from(CHANNELS)), "recipient": "C1", "account": "D1"},
        "at": near(30),
    }


def contact(draw: st.DrawFn, at: str) -> Raw:
    channel = draw(st.sampled_from(CHANNELS))
    return {
        "at": at,
        "channel": channel,
        "event": draw(st.sampled_from(["sent", "delivered"] if channel == "sms" else ["unanswered", "conversation"])),
        "direction": draw(st.sampled_from(["outbound", "outbound", "inbound"])),
        "recipient": draw(st.sampled_from(PEOPLE)),
        "account": draw(st.sampled_from(ACCOUNTS)),
    }


def state(draw: st.DrawFn, begins: str, ends: str) -> Raw:
    found: Raw = {"state": draw(st.sampled_from(["cease", "dispute"])), "recipient": "C1"}
    return found | draw(st.sampled_from([{"until": ends}, {"from": begins}, {"from": begins, "until": ends}]))
