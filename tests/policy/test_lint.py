"""What a pack says and cannot mean is told with pack, rule and key; what may well be meant is left alone."""

from datetime import date
from pathlib import Path

import pytest

from gateway.policy.folder import read_folder
from gateway.policy.lint import Lint, lint
from gateway.policy.pack import Pack, parse_pack
from gateway.policy.policy import Policy

SHIPPED = Path(__file__).parents[2] / "config/policies"
TODAY = date(2026, 6, 1)
HOURS = "kind: window, hours: {mon-sun: '08:00-21:00'}"
CAP = "kind: cap, max: 1, within: {days: 7}, scope: [recipient]"


def pack(code: str, *rules: str, head: str = "notice: Reviewed.", examples: str = "[]") -> Pack:
    """A pack whose rules are `r0`, `r1` … unless they say otherwise."""
    lines = [
        f"- {{{'' if 'id: ' in rule else f'id: r{number}, '}source: a law, status: verified, {rule}}}"
        for number, rule in enumerate(rules)
    ]
    body = "".join(f"\n{line}" for line in lines) or " []"
    text = f"code: {code}\ntitle: Test\nversion: '1'\n{head}\nrules:{body}\nexamples: {examples}\n"
    made, faults = parse_pack(text, code, "pack")
    assert made is not None
    assert faults == []
    return made


def linted(*packs: Pack, today: date = TODAY) -> Lint:
    return lint(Policy({made.code: made for made in packs}), today)


def faults(*packs: Pack, today: date = TODAY) -> list[str]:
    return list(linted(*packs, today=today).faults)


def notes(*packs: Pack, today: date = TODAY) -> list[str]:
    """Without those about examples, of which the packs here have none."""
    return [note for note in linted(*packs, today=today).notes if "no example" not in note]


def test_the_packs_we_ship_have_neither_faults_nor_notes() -> None:
    assert lint(read_folder(SHIPPED).policy(), date(2026, 11, 24)) == Lint((), ())


def test_a_good_pack_is_left_alone() -> None:
    good = pack(
        "NO",
        f"{HOURS}, effective: {{from: 2026-01-01, until: 2027-01-01}}, except_purposes: [legal, transactional]",
        f"{CAP}, counts: ['*.sent', call.*, call.unanswered, rvm.delivered, visit.made, letter.sent, '*.conversation']",
        "kind: cap, max: 0, within: {days: 1}, scope: [account], counts: ['*.*'], active_after: [call.conversation]",
        "kind: require, event: [telegram.delivered], scope: [account]",
        "kind: window, hours: {mon-sun: []}, applies: {purposes: [servicing], channels: [messenger, telegram]}",
    )
    assert faults(good) == []
    assert notes(good) == []


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            f"{HOURS}, effective: {{from: 2026-03-01, until: 2026-03-01}}",
            "effective: until 2026-03-01 is not after from 2026-03-01, so the rule never holds; correct the dates",
        ),
        (
            "kind: cap, max: 0, within: {days: 7}, scope: [account], counts: ['*.*']",
            "max: is 0, which forbids every contact; write a stop, or a window whose hours are {mon-sun: []}",
        ),
        (
            f"{HOURS}, applies: {{purposes: [collections]}}",
            "applies.purposes: has 'collections', which is no purpose of a job; purposes are collection, servicing, "
            "legal, transactional",
        ),
        (f"{HOURS}, except_purposes: [legal, law]", "except_purposes: has 'law', which is no purpose of a job"),
        (f"{CAP}, counts: [call.sent]", "counts: has 'call.sent', which never happens; events of call are not_connec"),
        (f"{CAP}, counts: [sms.unanswered]", "counts: has 'sms.unanswered', which never happens; events of sms are "),
        (f"{CAP}, counts: ['*.convrsation']", "counts: has '*.convrsation', which never happens; events of * are "),
        (f"{CAP}, counts: [sms.sent], active_after: [visit.sent]", "active_after: has 'visit.sent', which never"),
        ("kind: require, event: [letter.delivered], scope: [account]", "event: has 'letter.delivered', which never"),
        ("kind: spacing, min_gap: PT1H, scope: [account], counts: [call.rang]", "counts: has 'call.rang', which never"),
        (
            "kind: channel_lock, calendar: week, start: mon, scope: [account], counts: [push.read]",
            "counts: has 'push.read', which never happens",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_a_fault(rule: str, sentence: str) -> None:
    (fault,) = faults(pack("NO", rule))
    assert fault.startswith(f"NO: rule r0: {sentence}")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (f"{HOURS}, applies: {{channels: [emial]}}", "applies.channels: has 'emial', a channel that only this policy"),
        (f"{CAP}, counts: [calls.sent]", "counts: has 'calls', a channel that only this policy knows; did you mean"),
        ("kind: window, hours: {mon-sun: '08:00-21:00', holiday: []}", "hours: `holiday` has no effect, since"),
        ("kind: blackout, weekly: {sun: '00:00-24:00', holiday: '00:00-24:00'}", "weekly: `holiday` has no effect"),
    ],
)  # fmt: skip
def test_what_may_be_meant_is_a_note(rule: str, sentence: str) -> None:
    made = pack("NO", rule)
    assert faults(made) == []
    (note,) = notes(made)
    assert note.startswith(f"NO: rule r0: {sentence}")


def test_holiday_hours_that_are_those_of_every_day_need_no_list() -> None:
    made = pack("NO", "kind: window, hours: {mon-sun: '08:00-21:00', holiday: '08:00-21:00'}")
    assert notes(made) == []


def test_a_pack_without_notice_is_noted() -> None:
    assert notes(pack("NO", head="")) == [
        "NO: notice: is missing; officers are shown it, such as: Not legal advice; have it reviewed before use."
    ]


def test_a_rule_that_no_example_proves_is_noted() -> None:
    night = "at: '2026-06-01T02:00:00Z', zone: Europe/Oslo, channel: sms, expect: defer"
    rules = [HOURS, f"{HOURS}, otherwise: warn", f"{HOURS}, otherwise: warn, applies: {{channels: [push]}}", HOURS]
    made = pack("NO", *rules, examples=f"[{{{night}, because: [r0]}}, {{{night}}}]")
    assert list(linted(made).notes) == [
        f"NO: rule {name}: no example shows that it blocks; add one that names it in `because`" for name in ("r2", "r3")
    ]


def test_a_pack_of_no_country_judges_only_who_names_it() -> None:
    fault = "UK: code: no country is called UK, so the pack judges only jobs that say so; see ISO 3166"
    assert faults(pack("UK")) == [fault]
    assert faults(pack("house"), pack("GB"), pack("US-FL"), pack("US-NYC")) == []


def test_a_pack_of_an_unknown_subdivision_is_noted() -> None:
    assert (
        "US-NYC: code: ISO 3166-2 knows no US-NYC; if it is meant, jobs must name it so" in linted(pack("US-NYC")).notes
    )
    assert not [note for made in (pack("US-FL"), pack("IN-MH")) for note in linted(made).notes if ": code: " in note]


def test_an_id_in_two_packs_is_told_once() -> None:
    packs = [pack(code, f"id: x, {HOURS}", f"id: {code.lower()}.y, {HOURS}") for code in ("NO", "SE", "house")]
    assert faults(*packs) == ["NO: rule x: id: is also that of a rule in SE, house; rename one of them"]


def listed(*dates: str, rule: str = "") -> Pack:
    head = f"notice: Reviewed.\nholidays: {{OWN: [{', '.join(dates)}], LIBRARY: {{library: 'NO'}}}}"
    hours = "kind: window, hours: {mon-sat: '08:00-21:00', holiday: []}"
    wait = "kind: require, state: told, wait: {business_days: 3}, holidays: OWN"
    return pack("NO", f"{hours}, holidays: OWN{rule}", f"{hours}, holidays: LIBRARY", wait, head=head)


def test_a_list_of_ones_own_that_ran_out_is_a_fault() -> None:
    (fault,) = faults(listed("2024-05-17", "2025-05-17"))
    assert fault == (
        "NO: rule r0, r2: holidays: the list has no date in 2026 (its last is 2025-05-17), so no day of that year is a "
        "holiday; add the dates"
    )
    assert faults(listed("2026-05-17")) == []


def test_a_list_that_will_run_out_with_the_year_is_noted_from_october_on() -> None:
    made = listed("2026-05-17")
    assert notes(made, today=date(2026, 9, 30)) == []
    (note,) = notes(made, today=date(2026, 10, 1))
    assert "has no date in 2027" in note
    assert faults(made, today=date(2026, 12, 31)) == []
    assert notes(listed("2026-05-17", "2027-05-17"), today=date(2026, 10, 1)) == []
    assert len(faults(made, today=date(2027, 1, 1))) == 1


def test_a_list_is_not_missed_in_a_year_in_which_its_rule_does_not_hold() -> None:
    def ending(rule: str) -> list[str]:
        return [fault.partition(": holidays")[0] for fault in faults(listed("2025-05-17", rule=rule))]

    assert ending(", effective: {until: 2026-06-01}") == ["NO: rule r2"]
    assert ending(", effective: {until: 2026-06-02}") == ["NO: rule r0, r2"]
    assert ending(", effective: {from: 2027-01-01}") == ["NO: rule r2"]
