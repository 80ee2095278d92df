"""Registered templates: what is sent in the place of a text says exactly that text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.sms.registered import MOST_OF_A_PARAMETER, Registered, fill

OVERDUE = Registered("SMS_1", "示例银行", "尊敬的${name}，您的账单${amount}已逾期${days}天，请尽快还款。")
OTHER = Registered("SMS_2", "示例银行", "您好，${name}。")


def test_the_parameters_are_read_back_out_of_the_text() -> None:
    found = fill([OTHER, OVERDUE], "尊敬的李雷，您的账单¥1,280.50已逾期3天，请尽快还款。")
    assert found is not None
    assert found.template is OVERDUE
    assert found.values == {"name": "李雷", "amount": "¥1,280.50", "days": "3"}


def test_the_signature_that_the_carrier_puts_there_may_stand_in_the_text() -> None:
    found = fill([OTHER], "【示例银行】您好，李雷。")
    assert found is not None
    assert found.values == {"name": "李雷"}
    assert fill([OTHER], "【另一家】您好，李雷。") is None


@pytest.mark.parametrize(
    "text", ["", "您好，李雷", "您好，李雷。 再见", "别的话", "您好，" + "长" * (MOST_OF_A_PARAMETER + 1) + "。"]
)
def test_a_text_that_no_template_says_is_found_by_none(text: str) -> None:
    assert fill([OTHER, OVERDUE], text) is None


def test_positional_parameters_and_repeated_ones() -> None:
    positional = Registered("T", "s", "{1} owes {2}; {1}, please call {3}")
    found = fill([positional], "Li owes 5; Li, please call 400")
    assert found is not None
    assert found.values == {"1": "Li", "2": "5", "3": "400"}
    assert fill([positional], "Li owes 5; Wang, please call 400") is None


words = st.text("ab，。0", min_size=0, max_size=6)


@given(st.permutations(["${a}", "${b}", "${c}"]), st.lists(words, min_size=4, max_size=4), words, words, words)
def test_whatever_a_template_says_is_sent_as_exactly_that(
    names: list[str], literals: list[str], a: str, b: str, c: str
) -> None:
    template = Registered("T", "s", literals[0] + "".join(map("".join, zip(names, literals[1:], strict=True))))
    text = template.text.replace("${a}", a).replace("${b}", b).replace("${c}", c)
    found = fill([template], text)
    assert found is not None
    again = template.text
    for name, value in found.values.items():
        again = again.replace(f"${{{name}}}", value)
    assert again == text


@given(st.lists(st.sampled_from(["${a}", "${b}"]), min_size=2, max_size=5), st.lists(words, min_size=6, max_size=6),
       words, words)  # fmt: skip
def test_parameters_that_stand_twice_say_exactly_the_text_or_nothing(
    names: list[str], literals: list[str], a: str, b: str
) -> None:
    template = Registered("T", "s", literals[0] + "".join(map("".join, zip(names, literals[1:], strict=False))))
    text = template.text.replace("${a}", a).replace("${b}", b)
    found = fill([template], text)
    if found is not None:
        again = template.text
        for name, value in found.values.items():
            again = again.replace(f"${{{name}}}", value)
        assert again == text


def test_a_parameter_that_stands_twice_and_holds_the_words_behind_it_is_not_found() -> None:
    """Then nothing is sent, and an operator sees why; to look further would be to look for ever."""
    assert fill([Registered("T", "s", "{1}-{1}")], "x-y-x-y") is None


def test_no_text_keeps_the_search_busy() -> None:
    """A search that tried every way to share the text among the parameters would never come back from this."""
    greedy = Registered("T", "s", "".join(f"${{p{n}}}a" for n in range(30)) + "!")
    assert fill([greedy] * 100, "a" * 1000) is None
