"""What people write back, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.replies import STOP_WORDS, meaning


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop",
        " Stop. ",
        "ＳＴＯＰ",
        "STOP!!!",
        "Stop please",
        "please STOP",
        "STOP ALL",
        "Stopall",
        "QUIT",
        "End",
        "REVOKE",
        "Opt out",
        "OPTOUT",
        "opt-out",
        "CANCEL",
        "Unsubscribe me",
        "ARRÊT",
        "arret",
        "BAJA",
        "T",
        "t",
        "TD",
        "td",
        "退订",
        "退訂",
        "回T",
        "拒收",
        "取消",
        "退订，谢谢",
        "please leave me alone",
        "Leave me alone!!",
        "stop texting me",
        "Stop, I have already paid you",
        "Don't text me again",
        "Don’t ever contact me",
        "do not call me",
        "never write me again",
        "remove me from your list",
        "Take me off this list",
        "no more messages",
        "wrong number",
        "I want to opt out",
        "cease and desist",
        "别再发了",
        "不要再给我发短信",
        "请勿打扰",
        "别烦我",
        "停止发送",
        "不要骚扰我",
        "你打错了",
    ],
)
def test_a_wish_to_be_left_alone_is_understood_in_many_words(text: str) -> None:
    assert meaning(text) == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "?",
        "Hello",
        "I paid yesterday",
        "When is it due?",
        "Can I pay in instalments?",
        "Thanks",
        "Ok",
        "👍",
        "please don't stop sending reminders, they help",
        "The end of the month is fine",
        "At the bus stop, call later",
        "I want to cancel my card",
        "已经还了",
        "什么时候到期",
        "可以分期吗",
        "我明天付款",
    ],
)
def test_what_is_not_clear_is_for_a_person(text: str) -> None:
    assert meaning(text) == "unclear"


@pytest.mark.parametrize("text", ["START", "Unstop", "YES", "订阅", "start please"])
def test_a_word_of_consent_is_only_named_as_one(text: str) -> None:
    assert meaning(text) == "opt_in"


@given(
    st.sampled_from(sorted(STOP_WORDS)),
    st.text(" .!?,。！\n\t", max_size=5),
    st.text(" .!?,。！", max_size=5),
    st.booleans(),
)
def test_case_and_punctuation_make_no_difference(word: str, before: str, after: str, loud: bool) -> None:
    assert meaning(before + (word.upper() if loud else word) + after) == "stop"


@given(st.text(max_size=300))
def test_every_text_has_a_meaning(text: str) -> None:
    assert meaning(text) in ("stop", "opt_in", "unclear")
