"""Over any simulated year of racing senders no rule is broken; and with a planted mistake the count finds it."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gateway.domain.clock import Instant
from gateway.domain.ruling import Ruling
from tests.policy.census import breaches
from tests.policy.often import often
from tests.policy.year import Raw, Sender, Year, packs


def pack(*rules: Raw) -> Raw:
    named = [{"id": f"rule-{n}", "source": "test", "status": "unverified", **rule} for n, rule in enumerate(rules)]
    return {"rules": named, "zones": ["America/New_York"], "holidays": {"LIST": ["2026-12-25"]}}


CAPPED = pack(
    {"kind": "window", "hours": {"mon-sat": "08:00-21:00", "holiday": []}, "holidays": "LIST"},
    {"kind": "cap", "max": 2, "within": {"days": 7}, "counts": ["*.sent"], "scope": ["recipient"]},
    {"kind": "cooloff", "days": 3, "counts": ["*.conversation"], "scope": ["recipient"]},
    {"kind": "spacing", "min_gap": "PT3H", "scope": ["recipient"]},
    {"kind": "stop", "states": ["dispute"]},
)
HURRIED = pack({"kind": "window", "hours": {"mon-sun": ["08:00-08:01", "12:00-12:01", "16:00-21:00"]}})


class Careless(Sender):
    """Claims upon whatever it saw: read, decide, write, and no compare."""

    def admits(self, seen: int, version: int) -> bool:
        return True


class Slow(Sender):
    """Does not mind that what was open has closed since."""

    def too_late(self, ruling: Ruling, at: Instant) -> bool:
        return False


class Standing(Sender):
    """Remembers in summer what the clock was in January."""

    def clocks(self, zones: list[str]) -> list[str]:
        return ["Etc/GMT+5"]


class Elsewhere(Sender):
    """Takes one zone where two are possible."""

    def clocks(self, zones: list[str]) -> list[str]:
        return zones[:1]


def lived(pack: Raw, seed: int, sender: Sender) -> Year:
    year = Year(pack, seed, sender)
    year.run()
    return year


@often(0.15)
@given(packs(), st.integers(0, 2**32))
def test_over_any_year_of_racing_senders_no_rule_is_broken(pack: Raw, seed: int) -> None:
    year = lived(pack, seed, Sender())
    event(f"{year.sent // 50 * 50} or more sent")
    event("conflicts" if year.conflicts else "no conflict")
    assert breaches(pack, year.log) == []


@pytest.mark.parametrize(("pack", "least"), [(CAPPED, 50), (HURRIED, 120)])
def test_senders_do_race_and_messages_do_go(pack: Raw, least: int) -> None:
    year = lived(pack, 1, Sender())
    print(year.sent, "sent,", year.conflicts, "conflicts,", year.judged, "judgements")
    assert year.sent >= least
    assert year.conflicts >= 20
    assert breaches(pack, year.log) == []


@pytest.mark.parametrize(
    ("sender", "pack", "zones", "kinds"),
    [
        (Careless, CAPPED, ["America/New_York"], {"cap", "spacing"}),
        (Slow, HURRIED, ["America/New_York"], {"window"}),
        (Standing, HURRIED, ["America/New_York"], {"window"}),
        (Elsewhere, HURRIED, ["America/New_York", "America/Los_Angeles"], {"window"}),
    ],
)
def test_a_planted_mistake_is_found(sender: type[Sender], pack: Raw, zones: list[str], kinds: set[str]) -> None:
    pack = {**pack, "zones": zones}
    assert kinds <= {line.split()[1] for line in breaches(pack, lived(pack, 1, sender()).log)}
    assert breaches(pack, lived(pack, 1, Sender()).log) == []
