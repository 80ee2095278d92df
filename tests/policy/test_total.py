"""`judge` answers whatever loads: no zone, no hours, the first and the last year, numbers that nobody would write."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.domain.clock import parse_instant
from gateway.domain.ruling import Ruling
from gateway.policy.facts import Written
from gateway.policy.judge import judge
from gateway.policy.vectors import VectorError, judge_case, read_case, read_rules
from tests.policy.often import often
from tests.policy.strategies import vectors

Raw = dict[str, Any]
PATIENCE_S = 2
BASE = {"id": "rule", "source": "test", "status": "unverified"}
MOMENTS = [
    *("0001-01-01T00:00:00Z", "0001-01-03T12:00:00Z", "1582-10-10T00:00:00Z", "1900-02-28T23:59:59Z"),
    *("1969-12-31T23:59:59Z", "2026-02-28T23:59:59Z", "2038-01-19T03:14:08Z", "9999-10-28T00:00:00Z"),
    *("9999-12-30T00:00:00Z", "9999-12-31T23:59:59Z"),
]
ZONES = [
    *("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12", "Africa/Monrovia"),
    *("", "Nowhere/Land", "../../etc/passwd", "localtime", "\0", "é", "America", "x" * 5000),
]
NUMBERS = [1, 2, 400, 5_000, 3_000_000, 10**12]
DURATIONS = ["PT1S", "P400D", "PT99999999H", "P9999999999999D"]
HOURS: list[Raw] = [
    {},
    {"mon": []},
    {"holiday": "08:00-09:00"},
    {"mon-sun": "00:00-24:00"},
    {"mon-sun": "23:59-00:00"},
    {"mon-sun": ["00:00-24:00", "08:00-07:59", "00:00-00:01"]},
]
DATES = ["0001-01-01", "0001-01-01/9999-12-31", "2026-02-28/2026-03-01", "9999-12-31"]
NEVER = [{"from": "9999-12-31"}, {"until": "0001-01-01"}, {"from": "0001-01-01", "until": "9999-12-31"}, {}]


@contextmanager
def patience() -> Iterator[None]:
    """Ends what does not end by itself."""

    def over(*_: object) -> None:
        raise AssertionError(f"there was no answer within {PATIENCE_S} s")

    kept = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)


def extreme(draw: st.DrawFn) -> Raw:
    """A rule of a number, a duration or hours that nobody would write."""
    number, hours, date = (draw(st.sampled_from(pool)) for pool in (NUMBERS, HOURS, DATES))
    within: list[Raw] = [{"days": number}, {"rolling": draw(st.sampled_from(DURATIONS))}, {"calendar": "month"}]
    tally = {"counts": ["*.*"], "scope": draw(st.sampled_from([["recipient"], []]))}
    need: Raw = draw(st.sampled_from([{"state": "cease"}, {"event": ["*.*"], "scope": []}]))
    rule: Raw = draw(
        st.sampled_from(
            [{"kind": "cap", "max": draw(st.sampled_from([0, 1, 10**20])), "within": part, **tally} for part in within]
            + [
                {"kind": "cooloff", "days": number, **tally},
                {"kind": "spacing", "min_gap": draw(st.sampled_from(DURATIONS)), "scope": []},
                {"kind": "channel_lock", "calendar": "week", **tally},
                {"kind": "window", "hours": hours},
                {"kind": "blackout", "dates": [date], "weekly": hours},
                {"kind": "blackout", "intervals": [{"from": MOMENTS[0], "until": MOMENTS[-1]}], "states": ["cease"]},
                {"kind": "require", "wait": {"days": number}, **need},
                {"kind": "require", "wait": {"business_days": number}, **need},
                {"kind": "require", "fresh_for": {"days": number}, **need},
            ]
        )
    )
    return {**BASE, **rule, "effective": draw(st.sampled_from(NEVER))}


@st.composite
def hostile(draw: st.DrawFn) -> Raw:
    """A vector as others draw it, with rules, zones, facts and a moment that are out of the way."""
    vector: Raw = dict(draw(vectors(most_rules=2)))
    times = st.sampled_from([*MOMENTS, vector["at"]])
    strange = [{"channel": "call", "event": "unanswered", "at": draw(times)} for _ in range(draw(st.integers(0, 3)))]
    held = {"state": "cease", "from": draw(times), "until": draw(times)}
    slots = draw(st.sampled_from([{}, {"mon": ["08:00-09:00"]}, {"monday": ["25:00"]}, {"mon": ["08:00-08:00"]}]))
    return vector | {
        "rules": [*vector["rules"], *(extreme(draw) for _ in range(draw(st.integers(0, 2))))],
        "zones": draw(st.sampled_from([vector["zones"], *([zone, "UTC"] for zone in ZONES), [], ZONES[:6]])),
        "history": [*vector["history"], *strange],
        "states": draw(st.sampled_from([[], [{"state": "cease"}], [held], [{**held, "weekly": slots}]])),
        "candidate": draw(st.sampled_from([vector["candidate"], {"channel": ""}, {"channel": "*", "recipient": "C1"}])),
        "at": draw(times),
    }


def sound(ruling: Ruling, at: int) -> None:
    """What every answer is, whatever the question was; and it can be written down."""
    assert (ruling.decision == "allow") == (ruling.earliest == at)
    assert (ruling.decision == "deny") == (ruling.earliest is None)
    assert ruling.earliest is None or ruling.earliest >= at
    assert ruling.decision == "allow" or ruling.findings
    assert msgspec.json.encode(ruling)


@often()
@given(hostile())
def test_whatever_loads_is_answered(vector: Raw) -> None:
    try:
        rules = read_rules(vector)
    except VectorError:
        assume(False)
    at = parse_instant(vector["at"])
    with patience():
        ruling = judge(rules, read_case(vector, vector), at)
    sound(ruling, at)


TEXTS = st.text(max_size=60) | st.sampled_from(
    ["Reply STOP. Debt!", "<b>pay &amp; owe $5.00", "回复TD退订", "\u200b", "İ"]
)
CONTENT: list[Raw] = [
    {"require": ["opt_out", "sender", "contact", "debt_collector"]},
    {"forbid": {"en": ["pay"], "*": ["(", "ß"]}},
    {"lock_screen": "no_debt"},
]


@often(0.5)
@given(st.sampled_from(CONTENT), TEXTS, st.none() | TEXTS, st.none() | TEXTS, TEXTS)
def test_whatever_is_written_is_let_through_or_kept_for_good(
    keys: Raw, text: str, title: str | None, html: str | None, locale: str
) -> None:
    vector = {"rules": [{**BASE, "kind": "content", **keys}], "zones": ["UTC"], "candidate": {"channel": "push"}}
    case = msgspec.structs.replace(
        read_case(vector, vector), written=Written(text=text, locale=locale, title=title, html=html)
    )
    at = parse_instant("2026-06-01T12:00:00Z")
    with patience():
        ruling = judge(read_rules(vector), case, at)
    sound(ruling, at)
    assert ruling.decision != "defer"
    assert judge(read_rules(vector), case, at) == ruling


CONTACT = {"channel": "sms", "event": "sent", "recipient": "C1", "at": "2026-05-30T12:00:00Z"}
STRANGE: dict[str, tuple[Raw, Raw]] = {
    "a blackout for ever": ({"kind": "blackout", "dates": ["2026-12-25/9999-12-31"]}, {}),
    "a blackout since ever": ({"kind": "blackout", "dates": ["0001-01-01/2026-01-01"]}, {}),
    "a rule of the last day": (
        {"kind": "window", "hours": {"mon-sun": "08:00-21:00"}, "effective": {"from": "9999-12-31"}},
        {},
    ),
    "a silence of ten thousand years": (
        {"kind": "cooloff", "days": 3_700_000, "counts": ["*.*"], "scope": ["recipient"]},
        {},
    ),
    "a notice good for ever": ({"kind": "require", "event": ["*.*"], "scope": [], "fresh_for": {"days": 10**9}}, {}),
    "a wait of very many business days": (
        {"kind": "require", "event": ["*.*"], "scope": [], "wait": {"business_days": 10**9}},
        {},
    ),
    "the last weeks of the calendar": ({"kind": "window", "hours": {}}, {"at": "9999-12-01T00:00:00Z"}),
    "the first day of the calendar": ({"kind": "window", "hours": {}}, {"at": "0001-01-01T00:00:00Z"}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_nobody_would_write_is_a_mistake_of_the_pack_or_is_answered(name: str) -> None:
    keys, facts = STRANGE[name]
    vector = {
        "rules": [{**BASE, **keys}],
        "zones": ["America/New_York"],
        "history": [CONTACT],
        "candidate": {"channel": "sms", "recipient": "C1"},
        "at": "2026-06-01T12:00:00Z",
        **facts,
    }
    with patience():
        try:
            read_rules(vector)
        except VectorError:
            return
        assert judge_case(vector, vector)["decision"] in ("allow", "defer", "deny")
