"""`content`: what a message must say, must not say, and must not show on a lock screen."""

from collections.abc import Iterator

import msgspec
import pytest

from gateway.policy.facts import Case, Written
from gateway.policy.judge import judge
from tests.contracts.rule import START, Raw, RuleContract, build, case

GOOD = "Example Bank: 12.50 is due. Call 800-555-0100. Reply STOP to opt out."
PARAMS = {"creditor": "Example Bank", "contact_phone": "800-555-0100"}


def written(text: str, locale: str = "en", **keys: str) -> Case:
    facts = case(channel=keys.pop("channel", "sms"), params=PARAMS)
    return msgspec.structs.replace(facts, written=Written(text=text, locale=locale, **keys))


def faults(keys: Raw, facts: Case) -> dict[str, list[str]]:
    """What a rule finds wrong; nothing where it does not block."""
    rule = build({"kind": "content", **keys})
    ruling = judge([rule], facts, START)
    if ruling.decision == "allow":
        return {}
    assert ruling.findings[0].code == "content"
    return {name: words for name, words in ruling.findings[0].figures.items() if words and name != "locale"}


class TestContent(RuleContract):
    kind = "content"
    specimens = [  # noqa: RUF012
        {"require": ["opt_out", "sender", "contact"]},
        {"forbid": {"en": ["arrest", "go to jail"]}},
        {"lock_screen": "no_debt"},
    ]
    mistakes = [  # noqa: RUF012
        ({"require": ["politeness"]}, "require: has 'politeness', but may hold only"),
        ({"forbid": {"en": "arrest"}}, "forbid.en: must be a list of words"),
        ({"forbid": {"en": ["arrest", " "]}}, "forbid.en: must be a list of words"),
        ({"forbid": {"en": ["\u200b"]}}, "forbid.en: has a phrase that nobody can see"),
        ({"lock_screen": "all"}, "lock_screen: is 'all', but must be one of no_debt"),
    ]

    def cases(self) -> Iterator[Case]:
        yield case()
        yield written(GOOD)
        yield written("You will be arrested and go to jail. Your debt is overdue.")

    def test_it_does_not_block_at_the_moment_that_it_names_and_does_until_then(self) -> None:
        """What it blocks it blocks for good, so it names no moment."""
        answers = [rule.opens(facts, at) for rule, facts, at in self.questions()]
        assert None in answers
        assert all(found in (None, at) for found, (_, _, at) in zip(answers, self.questions(), strict=True))


@pytest.mark.parametrize(
    ("text", "locale", "missing"),
    [
        (GOOD, "en", []),
        ("Example Bank: please call 800-555-0100.", "en-GB", ["opt_out"]),
        ("Please call 800-555-0100. Reply stop.", "en", ["sender"]),
        ("EXAMPLE  BANK. Unstoppable offers. Call 800-555-0100", "en", ["opt_out"]),
        ("【Example Bank】请致电800-555-0100。拒收请回复T", "zh-CN", []),
        ("【Example Bank】请致电800-555-0100。Reply STOP", "zh-CN", ["opt_out"]),
        ("Example Bank 800-555-0100 arrêtez: STOP", "sv", []),
    ],
)
def test_notices_are_looked_for_in_the_language_of_the_message(text: str, locale: str, missing: list[str]) -> None:
    found = faults({"require": ["opt_out", "sender", "contact"]}, written(text, locale))
    assert found.get("missing", []) == missing


def test_a_notice_must_stand_in_every_form_that_somebody_may_read() -> None:
    keys: Raw = {"require": ["opt_out"]}
    page = "<p>Example Bank</p><style>p.stop {color: red}</style><p>To end this reply S&#84;OP</p>"
    assert faults(keys, written(GOOD, html=page)) == {}
    assert faults(keys, written(GOOD, html="<p class='stop'>Example Bank</p>")) == {"missing": ["opt_out"]}


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("We may have you arrested.", []),
        ("An ARREST is possible", ["arrest"]),
        ("You may go   to\njail", ["go to jail"]),
        ("An ar\u00adre\u200bst", ["arrest"]),
        ("An ａｒｒｅｓｔ", ["arrest"]),
        ("An 𝐚𝐫𝐫𝐞𝐬𝐭", ["arrest"]),
        ("逮捕", []),
    ],
)
def test_forbidden_phrases_are_whole_words_however_they_are_spaced(text: str, forbidden: list[str]) -> None:
    found = faults({"forbid": {"en": ["arrest", "go to jail"], "zh": ["逮捕"]}}, written(text))
    assert found.get("forbidden", []) == forbidden


def test_a_language_without_a_list_is_held_to_all_lists() -> None:
    keys: Raw = {"forbid": {"en": ["arrest"], "zh": ["坐牢"]}}
    assert faults(keys, written("再不还款就要坐牢", "zh-Hant")) == {"forbidden": ["坐牢"]}
    assert faults(keys, written("Sonst droht arrest", "de")) == {"forbidden": ["arrest"]}
    assert faults(keys, written("An arrest", "zh")) == {}
    assert faults({"forbid": {"*": ["arrest"], "zh": []}}, written("An arrest", "zh")) == {"forbidden": ["arrest"]}


@pytest.mark.parametrize(
    ("text", "locale", "shows"),
    [
        ("Example Bank has a message about your account. Open the app to read it.", "en", False),
        ("Your payment is overdue", "en", True),
        ("Please pay 1,280.50 today", "en", True),
        ("Please pay $12", "en", True),
        ("示例银行有一条与您账户有关的消息，请打开应用查看，或致电 400-800-0000。", "zh-CN", False),
        ("您已逾期3天", "zh-CN", True),
        ("您有100元待处理", "zh-CN", True),
    ],
)
def test_a_lock_screen_shows_neither_amounts_nor_words_of_debt(text: str, locale: str, shows: bool) -> None:
    assert bool(faults({"lock_screen": "no_debt"}, written(text, locale, channel="push"))) is shows


def test_the_title_is_read_too() -> None:
    assert faults({"lock_screen": "no_debt"}, written("Open the app.", title="Debt")) == {"betrays_debt": ["debt"]}
