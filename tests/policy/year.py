"""A simulated year in which several senders race for one person, each with its own slow look at the person's file.

A sender looks at the file, judges a little later, claims a little later still, and the claim counts as the contact. It
must fail if the file has changed since the look, and it must not be made once what was judged open has closed again.
Meanwhile others enter contacts and states of their own. `Sender` does it right; a test plants mistakes in it.
"""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import strategies as st

from gateway.domain.clock import DAY, HOUR, SECOND, Instant, format_instant
from gateway.domain.ruling import Ruling
from gateway.policy.judge import judge
from gateway.policy.rules.base import Rule
from gateway.policy.vectors import read_case, read_rules

Raw = dict[str, Any]
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND
END = START + 365 * DAY
MOST_TRIES = 15
ZONES = [
    *("America/New_York", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"),
    *("America/Vancouver", "Pacific/Chatham", "Africa/Casablanca", "Europe/London", "Asia/Shanghai"),
]
HOURS: list[Raw] = [
    {"mon-sun": "08:00-21:00"},
    {"mon-fri": ["08:00-12:00", "13:30-20:30"], "sat": "09:00-13:00", "holiday": []},
    {"mon-sun": ["23:00-01:30", "10:00-16:00"], "holiday": "10:00-12:00"},
    {"mon-sat": "00:00-24:00"},
    {"mon-sun": ["00:00-00:45", "02:15-04:00", "12:00-19:00"]},
]
WITHINS: list[Raw] = [
    *({"rolling": "PT24H"}, {"rolling": "PT5H"}, {"days": 1}, {"days": 7}),
    *({"calendar": "day"}, {"calendar": "week", "start": "mon"}, {"calendar": "month"}),
]
COUNTS = [["*.sent"], ["*.*"], ["sms.sent", "call.conversation"]]
SCOPES = [["recipient"], ["recipient", "account"], ["recipient", "channel"]]


class Sender:
    """One that keeps the protocol."""

    def clocks(self, zones: list[str]) -> list[str]:
        return zones

    def admits(self, seen: int, version: int) -> bool:
        """The store's answer to a claim that was made upon version `seen`."""
        return seen == version

    def too_late(self, ruling: Ruling, at: Instant) -> bool:
        return ruling.closes is not None and at >= ruling.closes


class Year:
    """`log` holds what was entered into the file, in its order: contacts, ours among them, and states."""

    def __init__(self, pack: Raw, seed: int, sender: Sender, senders: int = 4, demands: int = 40) -> None:
        self.pack, self.sender, self.lots = pack, sender, Random(seed)
        self.rules: tuple[Rule, ...] = read_rules(pack)
        self.zones = sender.clocks(pack["zones"])
        self.log: list[Raw] = []
        self.conflicts = self.judged = 0
        self._queue: list[tuple[Instant, int, Callable[[Instant], None]]] = []
        self._number = 0
        for _ in range(senders):
            self._plan(demands, self._demand())
        self._plan(demands, self._enter_contact)
        self._plan(6, self._enter_state)

    def run(self) -> None:
        while self._queue:
            at, _, act = heapq.heappop(self._queue)
            if at < END:
                act(at)

    @property
    def sent(self) -> int:
        return sum("ours" in entry for entry in self.log)

    def _plan(self, number: int, act: Callable[[Instant], None]) -> None:
        """Half of it falls anywhere in the year, half of it crowds into a few hours of some days."""
        crowds = [START + self.lots.randrange(365) * DAY for _ in range(8)]
        for count in range(number):
            at = self.lots.randrange(START, END) if count % 2 else self.lots.choice(crowds)
            self._at(at + self.lots.randrange(3 * HOUR), act)

    def _at(self, at: Instant, act: Callable[[Instant], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, act))

    def _slowly(self, at: Instant, act: Callable[[Instant], None]) -> None:
        self._at(at + self.lots.choice([0, 0, 1, self.lots.randrange(2000), self.lots.randrange(60_000)]), act)

    # A sender.

    def _demand(self) -> Callable[[Instant], None]:
        def begin(at: Instant) -> None:
            candidate = {"channel": self.lots.choice(["sms", "email"]), "recipient": "C1", "role": "agency"}
            self._look({**candidate, "account": self.lots.choice(["D1", "D2"])}, MOST_TRIES, at)

        return begin

    def _look(self, candidate: Raw, tries: int, at: Instant) -> None:
        if tries:
            seen = [entry for entry in self.log if at - entry["entered"] < 70 * DAY or "state" in entry]
            version = len(self.log)
            self._slowly(at, lambda now: self._judge(candidate, tries - 1, seen, version, now))

    def _judge(self, candidate: Raw, tries: int, seen: list[Raw], version: int, at: Instant) -> None:
        facts = {"zones": self.zones, "history": contacts(seen), "states": states(seen)}
        ruling = judge(self.rules, read_case(facts, {"candidate": candidate}), at)
        self.judged += 1
        if ruling.decision == "allow":
            self._slowly(at, lambda now: self._claim(candidate, tries, ruling, version, now))
        elif ruling.earliest is not None:
            self._at(ruling.earliest, lambda now: self._look(candidate, tries, now))

    def _claim(self, candidate: Raw, tries: int, ruling: Ruling, version: int, at: Instant) -> None:
        stale = not self.sender.admits(version, len(self.log))
        if stale or self.sender.too_late(ruling, at):
            self.conflicts += stale
            self._look(candidate, tries, at)
        else:
            self._enter({**candidate, "event": "sent", "at": format_instant(at), "ours": True}, at)

    # The others.

    def _enter(self, entry: Raw, at: Instant) -> None:
        self.log.append({**entry, "entered": at})

    def _enter_contact(self, at: Instant) -> None:
        channel, event = self.lots.choice(
            [("call", "conversation"), ("call", "unanswered"), ("letter", "sent"), ("letter", "sent"), ("sms", "sent")]
        )
        contact = {"channel": channel, "event": event, "at": format_instant(at), "recipient": "C1", "account": "D1"}
        self._enter({**contact, "direction": self.lots.choice(["outbound", "outbound", "inbound"])}, at)

    def _enter_state(self, at: Instant) -> None:
        ends = at + self.lots.randrange(20 * DAY)
        state = {"state": self.lots.choice(["dispute", "consent"]), "from": format_instant(at), "recipient": "C1"}
        self._enter({**state, "until": format_instant(ends)} if state["state"] == "dispute" else state, at)


def contacts(log: list[Raw]) -> list[Raw]:
    return [
        {key: value for key, value in entry.items() if key not in ("ours", "entered", "role")}
        for entry in log
        if "state" not in entry
    ]


def states(log: list[Raw]) -> list[Raw]:
    return [{key: value for key, value in entry.items() if key != "entered"} for entry in log if "state" in entry]


@st.composite
def packs(draw: st.DrawFn) -> Raw:
    """Rules for a year: a window and a cap always, of the others some."""
    day = f"2026-{draw(st.integers(1, 12)):02d}-{draw(st.integers(1, 28)):02d}"
    scope = draw(st.sampled_from(SCOPES))
    exempt = draw(st.sampled_from([{}, {"except": ["inbound"]}]))
    others: list[Raw] = [
        {"kind": "cooloff", "counts": ["*.conversation"], "scope": scope, "days": draw(st.integers(1, 7)), **exempt},
        {"kind": "cooloff", "counts": ["letter.*"], "scope": scope, "for": "PT30H"},
        {"kind": "spacing", "min_gap": draw(st.sampled_from(["PT15M", "PT3H", "PT49H"])), "scope": scope},
        {"kind": "blackout", "dates": [f"{day}/2026-12-31"] if day > "2026-11" else [day]},
        {"kind": "blackout", "weekly": draw(st.sampled_from([{"wed": "11:00-15:30"}, {"sat": "22:00-03:00"}]))},
        {"kind": "stop", "states": ["dispute"]},
        {
            "kind": "require",
            "event": ["letter.sent"],
            "scope": ["recipient"],
            "holidays": "LIST",
            "wait": draw(st.sampled_from([{"days": 2}, {"business_days": 3}])),
            "fresh_for": {"days": draw(st.integers(20, 60))},
        },
        {"kind": "channel_lock", "counts": ["*.sent"], "scope": ["recipient"], "calendar": "week"},
    ]
    caps = [
        {
            "kind": "cap",
            "max": draw(st.integers(1, 3)),
            "within": draw(st.sampled_from(WITHINS)),
            "counts": draw(st.sampled_from(COUNTS)),
            "scope": draw(st.sampled_from(SCOPES)),
            **exempt,
        }
        for _ in range(draw(st.integers(1, 2)))
    ]
    window = {"kind": "window", "hours": draw(st.sampled_from(HOURS)), "holidays": "LIST"}
    chosen = draw(st.lists(st.sampled_from(range(len(others))), max_size=3, unique=True))
    rules = [window, *caps, *(others[number] for number in chosen)]
    return {
        "rules": [
            {"id": f"rule-{number}", "source": "drawn", "status": "unverified", **rule}
            for number, rule in enumerate(rules)
        ],
        "zones": draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True)),
        "holidays": {"LIST": ["2026-01-01", "2026-05-01", "2026-12-25", day]},
    }
