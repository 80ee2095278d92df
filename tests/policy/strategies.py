"""Draws vectors of rules, histories and moments near changes of the clock, on quarters of an hour.

Everything happens within a few days, so that rules meet, and so that the oracle need not step far.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Raw = dict[str, Any]

CHANGES = {
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "America/Santiago": ["2026-04-05T03:00", "2026-09-06T04:00"],  # midnight does not exist in September
    "Asia/Beirut": ["2026-03-28T22:00", "2026-10-24T21:00"],  # nor here in March
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],  # by half an hour
    "Asia/Kathmandu": ["2026-06-01T00:00"],  # 05:45 ahead
    "Africa/Cairo": ["2026-04-23T22:00", "2026-10-29T21:00"],  # at midnight
    "America/Nuuk": ["2026-03-29T01:00", "2026-10-25T01:00"],  # the day before ends twice
    "Pacific/Chatham": ["2026-04-04T14:00", "2026-09-26T14:00"],
    "Africa/Casablanca": ["2026-02-15T02:00", "2026-03-22T02:00"],
    "Pacific/Apia": ["2011-12-30T10:00"],  # 30 December 2011 did not exist
}
HOURS: list[Raw] = [
    {"mon-sun": "08:00-21:00"},
    {"mon-sun": "22:00-02:00"},
    {"mon-sun": ["00:00-01:30", "23:15-24:00"]},
    {"mon-fri": ["08:00-12:00", "13:30-20:30"], "sat": "09:00-00:30", "holiday": []},
    {"mon-sun": "00:00-24:00", "holiday": "02:15-02:45"},
    {"sat-sun": "01:45-03:15", "mon-fri": "00:30-02:30"},
    {"fri-mon": "00:00-08:00", "tue": []},
]
WITHINS: list[Raw] = [
    {"rolling": "PT24H"},
    {"rolling": "PT3H"},
    {"days": 1},
    {"days": 3},
    {"days": 5},
    {"calendar": "day"},
    {"calendar": "week", "start": "sun"},
    {"calendar": "month"},
]
COUNTS = [["*.*"], ["*.*"], ["*.*"], ["sms.sent"], ["call.unanswered", "*.delivered"], ["*.conversation"], ["call.*"]]
SCOPES = [["recipient"], ["recipient"], ["recipient", "account"], ["channel"], []]
MATCHES = [["recipient"], ["recipient", "account"], ["account", "channel"], []]
CHANNELS, ACCOUNTS, PEOPLE = ["sms", "call"], ["D1", "D1", "D2"], ["C1", "C1", "C1", "C2"]
WORDS = ["cease", "dispute", "consent", "consent"]
KINDS = ("window", "cap", "cooloff", "spacing", "channel_lock", "stop", "require", "blackout", "content")


def near(draw: st.DrawFn, change: datetime, hours: int) -> str:
    at = change + timedelta(minutes=15 * draw(st.integers(-4 * hours, 4 * hours)))
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def dates(draw: st.DrawFn, change: datetime, number: int, unique: bool = False) -> list[str]:
    """So many dates near the change, in their order."""
    steps = sorted(draw(st.lists(st.integers(-3, 4), min_size=number, max_size=number, unique=unique)))
    return [(change + timedelta(days=step)).date().isoformat() for step in steps]


@st.composite
def rules(draw: st.DrawFn, change: datetime, kinds: tuple[str, ...] = KINDS) -> Raw:
    """A rule without an id; what it names lies near the change."""
    kind = draw(st.sampled_from([kind for kind in kinds if kind != "content"] * 2 + ["content"]))
    rule: Raw = {"kind": kind, "source": "drawn", "status": "unverified", **OF_KIND[kind](draw, change)}
    if draw(st.integers(0, 7)) == 0:
        rule["applies"] = draw(
            st.sampled_from([{"channels": ["sms"]}, {"purposes": ["servicing"]}, {"roles": ["creditor"]}])
        )
    if draw(st.integers(0, 4)) == 0:
        rule["clock"] = "fixed:" + draw(st.sampled_from(sorted(CHANGES)))
    if draw(st.integers(0, 4)) == 0:
        first, last = dates(draw, change, 2, unique=True)
        rule["effective"] = draw(st.sampled_from([{"from": first}, {"until": last}, {"from": first, "until": last}]))
    if draw(st.integers(0, 9)) == 0:
        rule |= draw(st.sampled_from([{"waived_by": ["response"]}, {"except_purposes": ["servicing"]}]))
    if draw(st.integers(0, 14)) == 0:
        rule["otherwise"] = draw(st.sampled_from(["warn", "drop"]))
    return rule


def counting(draw: st.DrawFn, name: str = "counts") -> Raw:
    found: Raw = {name: draw(st.sampled_from(COUNTS)), "scope": draw(st.sampled_from(SCOPES))}
    return found | draw(st.sampled_from([{}, {"except": ["inbound"]}, {"except": ["exempt"]}]))


def window(draw: st.DrawFn, change: datetime) -> Raw:
    return {"hours": draw(st.sampled_from(HOURS)), "holidays": "LIST"}


def cap(draw: st.DrawFn, change: datetime) -> Raw:
    found = counting(draw) | {"max": draw(st.sampled_from([1, 2, 3, 0])), "within": draw(st.sampled_from(WITHINS))}
    wakers = [["call.unanswered"], ["call.conversation"], ["sms.*"]]
    return found | draw(st.sampled_from([{}, {}, *({"active_after": waker} for waker in wakers)]))


def cooloff(draw: st.DrawFn, change: datetime) -> Raw:
    return counting(draw) | draw(st.sampled_from([{"days": 1}, {"days": 3}, {"for": "PT36H"}, {"for": "P1DT15M"}]))


def spacing(draw: st.DrawFn, change: datetime) -> Raw:
    found = counting(draw) | {"min_gap": draw(st.sampled_from(["PT15M", "PT3H", "PT30H"]))}
    if draw(st.booleans()):
        del found["counts"]
    return found


def channel_lock(draw: st.DrawFn, change: datetime) -> Raw:
    return counting(draw) | {"calendar": "week"} | draw(st.sampled_from([{}, {"start": "sun"}, {"start": "tue"}]))


def stop(draw: st.DrawFn, change: datetime) -> Raw:
    found: Raw = {"states": draw(st.sampled_from([["cease"], ["cease", "dispute"]]))}
    return found | draw(st.sampled_from([{}, *({"match": match} for match in MATCHES)]))


def require(draw: st.DrawFn, change: datetime) -> Raw:
    found: Raw = {"state": "consent"} if draw(st.booleans()) else counting(draw, "event")
    if "state" in found:
        found |= draw(st.sampled_from([{}, *({"match": match} for match in MATCHES)]))
    waits: list[Raw] = [{}, {"days": 1}, {"days": 2}, {"business_days": 1}, {"business_days": 2}]
    wait, fresh = draw(st.sampled_from(waits)), draw(st.sampled_from([0, 0, 1, 3, 5]))
    found |= {"wait": wait, "holidays": "LIST"} if wait else {}
    return found | ({"fresh_for": {"days": fresh}} if fresh else {})


def blackout(draw: st.DrawFn, change: datetime) -> Raw:
    first, second, last = dates(draw, change, 3)
    begins, ends = sorted([near(draw, change, 40), near(draw, change, 40)])
    several: list[Raw] = [
        {"dates": [first, f"{second}/{last}"]},
        {"intervals": [{"from": begins, "until": ends}] if begins < ends else []},
        {"weekly": draw(st.sampled_from(HOURS)), "holidays": "LIST"},
        {"states": ["cease"], "match": draw(st.sampled_from(MATCHES))},
    ]
    chosen = draw(st.lists(st.sampled_from(several), min_size=1, max_size=2))
    return {key: value for part in chosen for key, value in part.items()}


def content(draw: st.DrawFn, change: datetime) -> Raw:
    return {"lock_screen": "no_debt"}


OF_KIND: dict[str, Callable[[st.DrawFn, datetime], Raw]] = {
    "window": window,
    "cap": cap,
    "cooloff": cooloff,
    "spacing": spacing,
    "channel_lock": channel_lock,
    "stop": stop,
    "require": require,
    "blackout": blackout,
    "content": content,
}


@st.composite
def vectors(draw: st.DrawFn, most_rules: int = 4, kinds: tuple[str, ...] = KINDS) -> Raw:
    """A vector with one candidate and one moment, `{rules, zones, holidays, history, states, candidate, at}`; beside
    that `more`, one more rule and contact, and `edges`, moments at which something may begin or end."""
    home = draw(st.sampled_from(sorted(CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CHANGES[home]))).replace(tzinfo=UTC)
    zones = [home, *draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=2))]
    drawn = [draw(rules(change, kinds)) for _ in range(draw(st.integers(1, most_rules)))]
    history = [contact(draw, near(draw, change, 72)) for _ in range(draw(st.sampled_from([2, 4, 7, 1, 0])))]
    states = [state(draw, near(draw, change, 60), near(draw, change, 60)) for _ in range(draw(st.integers(0, 4)))]
    told = [past["at"] for past in history] + [held[key] for held in states for key in ("from", "until") if key in held]
    candidate = {"channel": draw(st.sampled_from(CHANNELS)), "recipient": "C1", "account": "D1"}
    candidate |= draw(st.sampled_from([{}, {}, {}, {"purpose": "servicing"}, {"flags": ["response"]}]))
    return {
        "rules": [{"id": f"rule-{number}", **rule} for number, rule in enumerate(drawn)],
        "zones": list(dict.fromkeys(zones)),
        "holidays": {"LIST": dates(draw, change, 2)},
        "history": history,
        "states": states,
        "candidate": candidate,
        "at": draw(st.sampled_from(told)) if told and draw(st.booleans()) else near(draw, change, 40),
        "more": {
            "rule": {"id": "one-more", **draw(rules(change))},
            "contact": contact(draw, near(draw, change, 72)),
        },
        "edges": [change.strftime("%Y-%m-%dT%H:%M:%SZ"), *told],
    }


def contact(draw: st.DrawFn, at: str) -> Raw:
    channel = draw(st.sampled_from(CHANNELS))
    events = ["sent", "delivered", "undelivered"] if channel == "sms" else ["unanswered", "conversation"]
    return {
        "at": at,
        "channel": channel,
        "event": draw(st.sampled_from(events)),
        "direction": draw(st.sampled_from(["outbound", "outbound", "inbound"])),
        "recipient": draw(st.sampled_from(PEOPLE)),
        "account": draw(st.sampled_from(ACCOUNTS)),
        **draw(st.sampled_from([{}, {}, {"flags": ["exempt"]}])),
    }


def state(draw: st.DrawFn, one: str, other: str) -> Raw:
    begins, ends = sorted([one, other])
    if draw(st.integers(0, 9)) == 0:
        begins, ends = ends, begins  # a state that never holds
    found: Raw = {"state": draw(st.sampled_from(WORDS)), "recipient": draw(st.sampled_from(PEOPLE))}
    found |= draw(st.sampled_from([{}, {"account": "D1"}, {"account": "D2"}, {"channel": "sms"}]))
    found |= draw(st.sampled_from([{}, {"until": ends}, {"from": begins}, {"from": begins, "until": ends}]))
    weekly = draw(st.sampled_from([None, None, *HOURS]))
    return found if weekly is None else found | {"weekly": listed_slots(weekly)}


def listed_slots(hours: Raw) -> Raw:
    """Slots of a state are always lists."""
    return {key: [value] if isinstance(value, str) else value for key, value in hours.items()}
