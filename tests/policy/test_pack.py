"""Packs: what is wrong with one is told with file, line, rule and key; those we ship prove themselves."""

from pathlib import Path
from textwrap import dedent

import pytest

from gateway.policy.folder import read_folder
from gateway.policy.pack import load_pack, run_examples

SHIPPED = Path(__file__).parents[2] / "config/policies"
GOOD = """\
    code: NO
    title: Norway
    version: 2026-11-20.1
    holidays: {LIST: [2026-05-17]}
    rules:
      - id: no.hours
        kind: window
        source: a law
        status: verified
        hours: {mon-fri: 08:00-21:00, holiday: []}
        holidays: LIST
    examples:
      - {at: 2026-11-20T07:30:00Z, zone: Europe/Oslo, channel: sms, expect: allow}
    """


def load(folder: Path, text: str, name: str = "NO.yaml") -> list[str]:
    path = folder / name
    path.write_text(dedent(text), "utf-8")
    return [fault.removeprefix(f"{path}") for fault in load_pack(path)[1]]


def test_a_good_pack_loads_and_norway_is_not_false(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) == []
    pack, _ = load_pack(tmp_path / "NO.yaml")
    assert pack is not None
    assert pack.label == "NO@2026-11-20.1"
    assert pack.rules[0].pack == pack.label
    assert run_examples(pack) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("kind: window", "kind: wimdow", ":7: rule no.hours: kind: is 'wimdow', but must be one of"),
        (
            "kind: window",
            "kind: content",
            ":6: rule no.hours: require: is missing; or give forbid or lock_screen",
        ),
        ("mon-fri: 08:00-21:00", "mon-fri: 8-21", ":10: rule no.hours: hours.mon-fri: has '8-21'"),
        (
            "holidays: LIST",
            "holidays: L",
            ":11: rule no.hours: holidays: names 'L', which is no list of this pack (it has LIST)",
        ),
        ("source: a law", "sauce: a law", ":8: rule no.hours: sauce: is an unknown key here"),
        ("source: a law", "sauce: a law", ":6: rule no.hours: source: is missing"),
        ("source: a law", "source: a law\n        source: another", ":9: rule no.hours: source: is written twice"),
        ("id: no.hours", "id: ''", ":6: rule number 1: id: must be a text that is not empty"),
        ("code: NO", "code: SE", ":1: code: must be house or ISO 3166, and the file's name; this file is called NO"),
        ("code: NO", "code: NO\n    colour: red", ":2: colour: is an unknown key here"),
        ("[2026-05-17]", "[2026-05-17, 2026-13-01]", ":4: holidays.LIST.1: must be a date"),
        (
            "[2026-05-17]",
            "{library: N0}",
            ":4: holidays.LIST.library: the holidays package knows no place called N0",
        ),
        ("[2026-05-17]", "17 May", ":4: holidays.LIST: must be a list of dates"),
        ("version: 2026-11-20.1", "version: a b", ":3: version: must be letters, digits, dots and dashes"),
        ("expect: allow", "expect: perhaps", ":13: example number 1: expect: is 'perhaps', but must be one of"),
        ("expect: allow", "expect: allow, hstory: []", ":13: example number 1: hstory: is an unknown key here"),
        (
            "expect: allow",
            "expect: allow, states: [{stat: x}]",
            ":13: example number 1: states: has the unknown key stat",
        ),
        ("expect: allow", "expect: allow, history: [{at: 1}]", ":13: example number 1: history:"),
        ("at: 2026-11-20T07:30:00Z", "at: noon", ":13: example number 1: at: must be an RFC 3339 time"),
        ("examples:", "examples: none\n    more:", ": examples: must be a list of mappings"),
        ("title: Norway", "title: [Norway", ": is not YAML: "),
        ("title: Norway", "title: &x Norway\n    notice: *x", ": is not YAML: line 3 uses an alias (*); write it out"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in GOOD
    faults = load(tmp_path, GOOD.replace(old, new, 1))
    assert any(fault in found for found in faults), faults


def test_two_rules_cannot_share_an_id(tmp_path: Path) -> None:
    rule = "\n".join(GOOD.splitlines()[5:11])
    faults = load(tmp_path, GOOD.replace("    examples:", f"{rule}\n    examples:"))
    assert faults == [":12: rule no.hours: id: 'no.hours' is the id of another rule"]


def test_a_file_that_is_no_pack_is_a_sentence(tmp_path: Path) -> None:
    assert any("must be a mapping" in fault for fault in load(tmp_path, ""))
    assert any("must be a mapping" in fault for fault in load(tmp_path, "- 1"))
    (tmp_path / "NO.yaml").write_bytes(b"\xff")
    pack, faults = load_pack(tmp_path / "NO.yaml")
    assert pack is None
    assert "cannot be read" in faults[0]


def test_an_example_that_disagrees_says_how(tmp_path: Path) -> None:
    wrong = "expect: defer, until: 2026-11-20T08:00:00Z, because: [no.hours]"
    assert load(tmp_path, GOOD.replace("expect: allow", wrong)) == []
    pack, _ = load_pack(tmp_path / "NO.yaml")
    assert pack is not None
    assert run_examples(pack) == [
        "NO: example 1 (2026-11-20T07:30:00.000Z): expected defer, judged allow; expected until "
        "2026-11-20T08:00:00.000Z, judged 2026-11-20T07:30:00.000Z; expected because of ['no.hours'], judged []"
    ]


def test_a_person_is_judged_by_the_place_its_parents_and_the_house(tmp_path: Path) -> None:
    for code in ("US", "US-FL", "house"):
        text = GOOD.replace("code: NO", f"code: {code}").replace("no.hours", f"{code}.hours")
        assert load(tmp_path, text, f"{code}.yaml") == []
    policy = read_folder(tmp_path).policy()
    assert policy.faults == ()
    assert [rule.id for rule in policy.rules_for(("US-FL", "US"))] == ["US-FL.hours", "US.hours", "house.hours"]
    assert [rule.id for rule in policy.rules_for(("FR",))] == ["house.hours"]
    assert policy.version_for(("US-FL", "US")) == "US-FL@2026-11-20.1,US@2026-11-20.1,house@2026-11-20.1"
    assert policy.rules_for(("FR",)) is policy.rules_for(("FR",))


def test_a_folder_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert "is no folder" in read_folder(tmp_path / "none").policy().faults[0]
    (tmp_path / "US.yml").write_text("")
    assert read_folder(tmp_path).policy().faults == (f"{tmp_path / 'US.yml'}: must end in .yaml",)


def test_the_packs_we_ship_load_and_agree_with_their_examples() -> None:
    policy = read_folder(SHIPPED).policy()
    assert policy.faults == ()
    assert {"house", "CN", "US"} <= policy.packs.keys()
    for pack in policy.packs.values():
        assert run_examples(pack) == []
        assert pack.notice


@pytest.mark.parametrize(
    "text",
    [
        "rules:\n  id: a\n  kind: window\n  id: b\n", "examples:\n  at: 1\n  at: 2\n", "code: !!bool maybe\n",
        "code: !!timestamp abc\n", "version: " + "9" * 5000 + "\n", "rules: " + "[" * 3000,
    ],
)  # fmt: skip
def test_whatever_somebody_wrote_is_a_sentence(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text)
