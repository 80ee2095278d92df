"""Rules that leave no lawful moment together are told by name, and no other rules are."""

from datetime import date

import pytest

from gateway.policy.contradictions import contradictions
from gateway.policy.pack import Pack
from gateway.policy.policy import Policy
from tests.policy.test_lint import SHIPPED, pack, read_folder

TODAY = date(2026, 6, 1)
MORNING = "kind: window, hours: {mon-sun: '08:00-12:00'}"
EVENING = "kind: window, hours: {mon-sun: '17:00-21:00'}"


def found(*packs: Pack, today: date = TODAY) -> list[str]:
    return list(contradictions(Policy({made.code: made for made in packs}), today))


def test_windows_that_never_meet_are_told_with_pack_rule_and_key() -> None:
    (sentence,) = found(pack("NO", MORNING, EVENING))
    assert sentence == (
        "NO: rules r0 (NO@1, hours) and r1 (NO@1, hours) exclude each other: in 65 days from 2026-06-01 on they "
        "leave no moment for collection by sms, as creditor, in Europe/Oslo; widen one of them, or let it apply to "
        "other contacts"
    )


def test_a_pack_can_contradict_its_parents_and_the_house() -> None:
    florida, federal = pack("US-FL", f"id: fl, {MORNING}"), pack("US", f"id: us, {EVENING}")
    (sentence,) = found(florida, federal)
    assert "US-FL: rules fl (US-FL@1, hours) and us (US@1, hours) exclude" in sentence
    (sentence,) = found(florida, pack("house", f"id: own, {EVENING}"))
    assert "own (house@1, hours)" in sentence
    assert found(florida, pack("CA", f"id: ca, {EVENING}")) == []


def test_the_house_can_contradict_itself_without_any_place() -> None:
    (sentence,) = found(
        pack("NO", "id: no, kind: window, hours: {mon: '00:00-24:00'}"), pack("house", MORNING, EVENING)
    )
    assert sentence.startswith("house: ")
    assert "in UTC" in sentence


def test_only_the_rules_that_exclude_each_other_are_named() -> None:
    (sentence,) = found(pack("NO", "kind: window, hours: {mon-sun: '00:00-24:00'}", MORNING, EVENING))
    assert "rules r1 (NO@1, hours) and r2 (NO@1, hours) exclude" in sentence


def test_three_rules_can_exclude_each_other_though_any_two_meet() -> None:
    slots = ("'08:00-10:00', '12:00-14:00'", "'08:00-10:00', '16:00-18:00'", "'12:00-14:00', '16:00-18:00'")
    rules = [f"kind: window, hours: {{mon-sun: [{each}]}}" for each in slots]
    (sentence,) = found(pack("NO", *rules))
    assert "rules r0 (NO@1, hours), r1 (NO@1, hours) and r2 (NO@1, hours) exclude" in sentence
    assert found(pack("NO", *rules[:2])) == found(pack("NO", *rules[1:])) == found(pack("NO", *rules[::2])) == []


@pytest.mark.parametrize(
    "rules",
    [
        (f"{MORNING}, applies: {{channels: [sms]}}", f"{EVENING}, applies: {{channels: [call]}}"),
        (f"{MORNING}, applies: {{purposes: [legal]}}", f"{EVENING}, except_purposes: [legal]"),
        (f"{MORNING}, applies: {{roles: [agency, buyer]}}", f"{EVENING}, applies: {{roles: [creditor]}}"),
        (
            f"{MORNING}, applies: {{accounts: {{late: {{over: 15}}}}}}",
            f"{EVENING}, applies: {{accounts: {{late: {{at_most: 15}}}}}}",
        ),
        (
            f"{MORNING}, applies: {{accounts: {{kind: [card, car]}}}}",
            f"{EVENING}, applies: {{accounts: {{kind: house}}}}",
        ),
        (MORNING, f"{EVENING}, otherwise: warn"),
        (f"{MORNING}, effective: {{until: 2026-01-01}}", EVENING),
        (f"{MORNING}, effective: {{until: 2026-07-01}}", EVENING),
        (MORNING, "kind: window, hours: {mon-sun: []}"),
        (MORNING, "kind: blackout, dates: [2026-06-01/2026-06-30]"),
        (MORNING, "kind: window, hours: {mon: '11:59-12:00'}"),
        (MORNING, f"{EVENING}, clock: 'fixed:Pacific/Auckland'"),
    ],
)
def test_rules_that_meet_or_never_judge_the_same_contact_do_not(rules: tuple[str, ...]) -> None:
    assert found(pack("NO", *rules)) == []


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        (
            (f"{MORNING}, applies: {{channels: [sms, push]}}", f"{EVENING}, applies: {{channels: [call, push]}}"),
            "collection by push",
        ),
        (
            (f"{MORNING}, applies: {{purposes: [legal]}}", f"{EVENING}, applies: {{roles: [buyer]}}"),
            "legal by sms, as buyer",
        ),
        (
            (
                f"{MORNING}, applies: {{accounts: {{late: {{over: 15}}}}}}",
                f"{EVENING}, applies: {{accounts: {{late: {{under: 17}}}}}}",
            ),
            "with late 16",
        ),
        ((MORNING, "kind: blackout, weekly: {mon-sun: '07:00-13:00'}"), "r1 (NO@1, blackout)"),
        (
            ("kind: window, hours: {mon: '08:00-21:00'}", "kind: blackout, weekly: {mon: '00:00-24:00'}"),
            "r1 (NO@1, blackout)",
        ),
        ((MORNING, f"{EVENING}, effective: {{from: 2027-03-01}}"), "from 2027-03-01 on"),
    ],
)
def test_what_is_told_is_the_first_contact_that_can_never_be_made(rules: tuple[str, ...], part: str) -> None:
    (sentence,) = found(pack("NO", *rules))
    assert part in sentence


def test_every_zone_of_a_country_is_asked_by_itself() -> None:
    eastern = "kind: window, hours: {mon-sun: '08:00-10:00'}, clock: 'fixed:America/New_York'"
    (sentence,) = found(pack("US", eastern, "kind: window, hours: {mon-sun: '08:00-21:00'}"))
    assert "America/New_York" not in sentence
    assert (
        found(pack("DE", MORNING, "kind: window, hours: {mon-sun: '09:00-13:00'}, clock: 'fixed:Europe/London'")) == []
    )


def test_flags_that_lift_a_rule_do_not_count() -> None:
    (sentence,) = found(pack("NO", f"{MORNING}, waived_by: [response]", EVENING))
    assert "exclude each other" in sentence


def test_the_shipped_packs_do_not_exclude_each_other() -> None:
    packs = read_folder(SHIPPED).policy().packs
    assert found(*packs.values()) == []
