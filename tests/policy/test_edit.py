"""What a form does to a pack: one figure changes, and every comment stays where its officer put it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.front.drafts import look
from gateway.policy.edit import Edit, Unfit, agreeing, edited, places, rules_of
from gateway.policy.pack import parse_pack, run_examples
from gateway.queries.reading import reading
from gateway.web.api.drafts import NewDraft

PACKS = sorted((Path(__file__).parents[2] / "config" / "policies").glob("*.yaml"))
HOUSE = next(path for path in PACKS if path.stem == "house").read_text("utf-8")


def draft(text: str = HOUSE, *edits: Edit, agree: bool = False) -> Any:
    return look(NewDraft(code="house", text=text, edits=list(edits), agree=agree), HOUSE)


VERSION = Edit(rule="", path=("version",), value="2026-12-01.1")
TWO = Edit(rule="house.daily", path=("max",), value=2)


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_everything_that_a_form_shows_can_be_written_back_and_changes_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    for rule in rules_of(text):
        assert places(rule)
        for place in places(rule):
            same = edited(text, [Edit(rule=rule["id"], path=place.path, value=place.value)])
            assert rules_of(same) == rules_of(text), place
            assert len(same.splitlines()) <= len(text.splitlines())


def test_one_figure_changes_and_nothing_else() -> None:
    before, after = HOUSE.splitlines(), draft(HOUSE, TWO).text.splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [("    max: 3", "    max: 2")]


def test_hours_of_a_day_may_be_several_or_none() -> None:
    def hours(written: str) -> Any:
        text = edited(HOUSE, [Edit(rule="house.hours", path=("hours", "holiday"), value=written)])
        return next(rule for rule in rules_of(text) if rule["id"] == "house.hours")["hours"]["holiday"]

    assert hours("10:00-12:00, 14:00-16:00") == ["10:00-12:00", "14:00-16:00"]
    assert hours("10:00-12:00") == "10:00-12:00"
    assert hours("") == []


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (Edit(rule="house.nothing", path=("max",), value=1), "no such rule"),
        (Edit(rule="house.daily", path=("within", "days"), value=1), "not there"),
        (Edit(rule="house.no-threats", path=("forbid", "zh"), value="x"), None),
        (Edit(rule="house.daily", path=("applies",), value="x"), None),
    ],
)
def test_what_cannot_be_edited_is_told_in_a_sentence(edit: Edit, told: str | None) -> None:
    if told is None:
        assert draft(HOUSE, edit).faults
    else:
        with pytest.raises(Unfit, match=told):
            edited(HOUSE, [edit])
        assert told in draft(HOUSE, edit).faults[0]


def test_a_draft_tells_the_version_the_change_and_the_examples_that_say_otherwise() -> None:
    told = draft(HOUSE, TWO)
    assert "needs a version of its own" in told.faults[0]
    assert told.changes == {"house.daily": "stricter"}
    assert not told.looser
    told = draft(HOUSE, TWO, VERSION)
    assert told.faults == []
    assert told.version == "2026-12-01.1"
    assert len(told.examples) == 2
    assert "expected allow, judged defer" in told.examples[0]
    assert "At most 2 contacts with one person" in next(r for r in told.rules if r.id == "house.daily").reading["en"]
    looser = draft(HOUSE, Edit(rule="house.daily", path=("max",), value=4), VERSION)
    assert looser.looser


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_examples_agree_with_any_new_figures_once_they_are_told_to(path: Path) -> None:
    text, code = path.read_text("utf-8"), path.stem
    edits = [Edit(rule=rule["id"], path=place.path, value=1) for rule in rules_of(text) for place in places(rule)
             if place.path == ("max",)]  # fmt: skip
    edits += [Edit(rule=rule["id"], path=place.path, value="09:30-11:00") for rule in rules_of(text)
              for place in places(rule) if place.sort == "hours"]  # fmt: skip
    changed = edited(text, edits)
    pack, faults = parse_pack(changed, code, code)
    assert pack is not None, faults
    agreed, faults = parse_pack(agreeing(changed, pack), code, code)
    assert agreed is not None, faults
    assert run_examples(agreed) == []
    assert len(agreed.examples) == len(pack.examples)


@pytest.mark.parametrize("text", ["{", "[]", "a: 1", "rules: 3", "code: house\nrules: [1]", "\x00"])
def test_a_draft_that_is_no_pack_is_told_so(text: str) -> None:
    told = draft(text, agree=True)
    assert told.faults
    assert all("Traceback" not in fault for fault in told.faults)


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_every_rule_that_we_ship_is_read_out_in_both_languages_and_leaves_no_word_as_it_is(path: Path) -> None:
    for rule in rules_of(path.read_text("utf-8")):
        english, chinese = reading(rule, "en"), reading(rule, "zh")
        assert english.endswith(".")
        assert chinese.endswith("。")
        foreign = set("".join(c if c.isascii() and c.isalpha() else " " for c in chinese).split())
        allowed = {"en", "zh", "fr", "es", "pt", "de", "ja", "ko", "th", "id", "vi", "ru", "hi"}
        for word in _names(rule):
            allowed |= set("".join(c if c.isalpha() else " " for c in word).split())
        assert not foreign - allowed, chinese


def _names(rule: Any) -> list[str]:
    """What stays in its own language: zones, places, bodies."""
    accounts = (rule.get("applies") or {}).get("accounts") or {}
    return [
        str(rule.get("clock", "")),
        yaml.safe_dump(list(accounts.values())),
        yaml.safe_dump(rule.get("forbid") or {}),
    ]
