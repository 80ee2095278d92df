"""The brute force that judges a story finds what is a second too early or one too many, and no more than that."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.stories.lawbook import write_packs
from tests.stories.lawful import Contact, Home, read_laws, violations

BERLIN, LONDON = Home("DE", ("Europe/Berlin",)), Home("GB", ("Europe/London",))
CAIRO, CHATHAM = Home("EG", ("Africa/Cairo",)), Home("NZ", ("Pacific/Chatham",))
BOTH = Home("IN", ("Europe/London", "Asia/Kolkata"))
SHANGHAI = Home("CN", ("Asia/Kathmandu",))
ATLANTIC = Home("US", ("America/New_York",))


def broken(folder: Path, home: Home, *contacts: Contact) -> list[str]:
    found = violations(contacts, {"p": home}, read_laws(write_packs(folder)))
    return [sentence.split()[0] for sentence in found]


def sent(home: Home, wall: str, channel: str = "sms", **given: object) -> Contact:
    """At a time on the first of the person's clocks; `Z` at its end is UTC."""
    at = datetime.fromisoformat(wall)
    at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(home.zones[0]))
    return Contact(at.astimezone(ZoneInfo("UTC")), "p", channel)._replace(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("home", "wall", "rules"),
    [
        (BERLIN, "2026-10-26T07:59:59", ["de.hours"]),
        (BERLIN, "2026-10-26T08:00:00", []),
        (BERLIN, "2026-10-26T19:59:59", []),
        (BERLIN, "2026-10-26T20:00:00", ["de.hours"]),
        (BERLIN, "2026-10-31T10:00:00", ["de.hours"]),  # a holiday
        (CHATHAM, "2026-10-26T01:59:59", []),
        (CHATHAM, "2026-10-26T02:00:00", ["nz.hours"]),
        (CAIRO, "2026-10-29T19:29:59Z", ["eg.hours"]),
        (CAIRO, "2026-10-29T21:15:00Z", []),  # a quarter past eleven for the second time
        (CAIRO, "2026-10-29T22:29:59Z", []),
        (CAIRO, "2026-10-29T22:30:00Z", ["eg.hours"]),
        (BOTH, "2026-10-26T08:00:00", []),
        (BOTH, "2026-10-26T14:00:00", ["in.hours"]),  # which is half past seven in Kolkata
        (SHANGHAI, "2026-10-25T23:59:59Z", ["cn.cba.hours"]),
        (SHANGHAI, "2026-10-26T00:00:00Z", []),
    ],
)
def test_a_window_holds_to_the_second(tmp_path: Path, home: Home, wall: str, rules: list[str]) -> None:
    assert broken(tmp_path, home, sent(home, wall)) == rules


@pytest.mark.parametrize(("wall", "rules"), [("2026-10-27T11:59:59Z", ["house.day"]), ("2026-10-27T12:00:00Z", [])])
def test_a_cap_counts_until_its_time_is_over(tmp_path: Path, wall: str, rules: list[str]) -> None:
    home = Home("ZA", ("Africa/Johannesburg",))
    three = [sent(home, f"2026-10-26T{hour}:00:00Z", account=str(hour)) for hour in (12, 13, 14)]
    assert broken(tmp_path, home, *three, sent(home, wall, account="another")) == rules


def test_what_others_did_counts_and_is_not_judged(tmp_path: Path) -> None:
    home = Home("ZA", ("Africa/Johannesburg",))
    call = sent(home, "2026-10-26T12:00:00Z", "call", event="answered", ours=False)
    assert broken(tmp_path, home, *[call] * 4) == []
    assert broken(tmp_path, home, *[call] * 3, sent(home, "2026-10-26T12:00:01Z")) == ["house.day"]
    inbound = call._replace(flags=("inbound",))
    assert broken(tmp_path, home, *[inbound] * 3, sent(home, "2026-10-26T12:00:01Z")) == []


def test_silence_after_a_conversation_and_a_gap_between_two_messages(tmp_path: Path) -> None:
    talk = sent(LONDON, "2026-10-24T23:00:00", "call", event="conversation", ours=False)
    assert broken(tmp_path, LONDON, talk, sent(LONDON, "2026-10-25T20:59:59")) == ["house.talked"]
    assert broken(tmp_path, LONDON, talk, sent(LONDON, "2026-10-26T08:00:00")) == []
    first = sent(BERLIN, "2026-10-26T10:00:00")
    assert broken(tmp_path, BERLIN, first, sent(BERLIN, "2026-10-26T11:59:59")) == ["de.gap"]
    assert broken(tmp_path, BERLIN, first, sent(BERLIN, "2026-10-26T12:00:00")) == []


def test_roles_and_waivers_are_those_of_the_shipped_packs(tmp_path: Path) -> None:
    night = sent(ATLANTIC, "2026-10-26T22:00:00")
    assert broken(tmp_path, ATLANTIC, night._replace(role="agency")) == ["us.reg-f.hours"]
    assert broken(tmp_path, ATLANTIC, night) == []
    late = sent(SHANGHAI, "2026-10-26T15:00:00Z")
    assert broken(tmp_path, SHANGHAI, late) == ["cn.cba.hours"]
    assert broken(tmp_path, SHANGHAI, late._replace(flags=("night_consent",))) == []
