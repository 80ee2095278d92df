"""The sample portfolios of a demo that stays: made-up people only, and documents that the contract allows."""

import json
from collections import Counter

from gateway.cli.debtors import DAYS, debtors, month
from gateway.cli.month import MovedClock
from gateway.domain.clock import DAY, HOUR, SECOND, parse_instant
from gateway.domain.errors import Fault
from gateway.domain.reminder import parse_reminder

END = parse_instant("2026-11-27T20:00:00Z")
FICTION = ("+861005555", "+447700900", "+61255500", "+493023125", "+33639980")


def test_nobody_can_be_reached_and_no_two_share_an_address() -> None:
    everybody = debtors()
    phones = [who.phone for who in everybody if who.phone]
    assert len(set(phones)) == len(phones)
    for phone in phones:
        assert phone.startswith(FICTION) or (phone[:2] == "+1" and phone[5:10] == "55501" and len(phone) == 12)
    assert len({who.email for who in everybody}) == len({who.id for who in everybody}) == len(everybody)
    assert len({who.place.jurisdiction for who in everybody}) > 6


def test_a_month_is_the_same_every_time_and_lies_before_its_end() -> None:
    events = month(debtors(), END)
    assert events == month(debtors(), END)
    assert events == sorted(events)
    assert events[0].at >= END - DAYS * DAY
    assert events[-1].at < END
    per_day = Counter(event.at // DAY for event in events)
    assert len(per_day) >= DAYS
    assert min(sorted(per_day.values())[3:]) > 10


def test_every_document_is_one_of_the_contract() -> None:
    events = month(debtors(), END)
    for event in events:
        if event.kind == "job":
            read = parse_reminder(event.body)
            assert not isinstance(read, Fault), read.sentence
    assert {json.loads(event.body)["type"] for event in events if event.kind == "command"} == {"cancel", "stop"}
    names = [event.key for event in events]
    assert len(set(names)) == len(names)


def test_a_moved_clock_runs_on_and_never_goes_back() -> None:
    clock = MovedClock(END)
    clock.move(END + HOUR)
    first = clock.now()
    clock.move(END)
    assert END + HOUR <= first <= clock.now() < END + HOUR + 600 * SECOND
