"""Whatever the hour and the season, the demo has people for everything it wants to show."""

from itertools import groupby

import pytest

from gateway.cli.portfolio import ANSWERED, BY_DAY, BY_NIGHT, CAPPED, PEOPLE, Sample, deal
from gateway.domain.clock import DAY, HOUR, MINUTE, Instant, parse_instant
from gateway.domain.errors import Fault
from gateway.domain.reminder import Reminder, parse_reminder

YEAR = parse_instant("2026-12-31T22:00:00Z")
MOMENTS = [YEAR + day * DAY + slot * 15 * MINUTE for day in range(0, 366, 9) for slot in range(96)]


def reminder(sample: Sample) -> Reminder:
    parsed = parse_reminder(sample.doc)
    assert not isinstance(parsed, Fault), parsed.sentence
    return parsed


def test_every_story_is_told_at_every_hour_of_every_season_in_both_languages() -> None:
    for now in MOMENTS:
        portfolio = deal(now)
        told = {sample.story for sample in portfolio.samples}
        assert told.issuperset((*BY_DAY, *BY_NIGHT, ANSWERED)), now
        assert len(portfolio.commands) == 1
        assert portfolio.asleep >= 8, now
        sent = {sample.person.locale for sample in portfolio.samples if sample.story in BY_DAY}
        assert sent == {"en", "zh-CN"}, now


@pytest.mark.parametrize("now", MOMENTS[:96:8])
def test_everybody_gets_one_reminder_and_one_person_more_than_a_day_allows(now: Instant) -> None:
    samples = deal(now).samples
    assert {sample.person for sample in samples} == set(PEOPLE)
    of = {latin: len(list(some)) for latin, some in groupby(samples, lambda sample: sample.person.latin)}
    assert sorted(of.values()) == [1] * (len(PEOPLE) - 1) + [CAPPED]
    assert len({sample.id for sample in samples}) == len(samples)


@pytest.mark.parametrize("now", MOMENTS[:96:8])
def test_nobody_can_be_reached_at_a_real_address(now: Instant) -> None:
    taken: dict[str, str] = {}
    for sample in deal(now).samples:
        who = reminder(sample).recipient
        assert who.email is not None
        assert who.email.endswith("@example.com")
        if who.phone is None:
            continue
        assert who.phone.startswith(("+8610055550", "+44770090", "+612555001", "+493023125", "+33639980")) or (
            who.phone[:2] == "+1" and who.phone[5:10] == "55501" and len(who.phone) == 12
        )
        assert taken.setdefault(who.phone, who.id) == who.id


def test_what_cannot_be_read_names_its_field() -> None:
    fault = parse_reminder(deal(YEAR + HOUR).broken)
    assert isinstance(fault, Fault)
    assert fault.field == "recipient.phone"
