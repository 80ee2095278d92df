"""A message is complete or it is not made, and nothing in a parameter can change what it says around it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rendering.catalog import Catalog
from gateway.rendering.render import (
    BadParameter,
    Missing,
    NoChannel,
    Outcome,
    Rendered,
    TooLong,
    UnknownTemplate,
    render,
)
from gateway.rendering.segments import segments

Make = Callable[..., Catalog]

LI: dict[str, Any] = {
    "name": "李雷",
    "creditor": "示例银行",
    "amount_due": {"value": "1280.50", "currency": "CNY"},
    "due_date": "2026-11-20",
    "days_overdue": 3,
    "contact_phone": "400-800-0000",
}
SHIPPED = Catalog.load(Path(__file__).parents[2] / "templates", "en")


def rendered(outcome: Outcome) -> Rendered:
    assert isinstance(outcome, Rendered), outcome.sentence
    return outcome


def reminder(channel: str, locale: str = "zh-CN", **params: Any) -> Outcome:
    return render(SHIPPED, "overdue_reminder", locale, channel, {**LI, **params})


def test_the_reminder_of_the_contract_is_an_sms_of_two_segments() -> None:
    sms = rendered(reminder("sms", "zh-Hans-CN"))
    assert sms.text == (
        "【示例银行】李雷您好，您应于2026年11月20日还款的¥1,280.50已逾期3天，请您尽快安排还款。"
        "如已还款请忽略本条；如有困难或疑问，请致电400-800-0000。拒收请回复T"
    )
    assert (sms.locale, sms.segments) == ("zh-CN", segments(sms.text))
    assert sms.version.startswith("sha256:")
    assert (sms.title, sms.html) == (None, None)


def test_an_english_sms_stays_in_gsm_and_speaks_of_one_day() -> None:
    sms = rendered(reminder("sms", "fr-FR", name="Li Lei", creditor="Example Bank", days_overdue=1))
    assert "CN¥1,280.50 was due on Nov 20, 2026 and is 1 day overdue" in sms.text
    assert sms.segments is not None
    assert (sms.locale, sms.segments.encoding) == ("en", "GSM-7")


@pytest.mark.parametrize("channel", ["sms", "email", "call"])
def test_a_missing_variable_is_named(channel: str) -> None:
    params = {key: value for key, value in LI.items() if key not in ("amount_due", "name")}
    outcome = render(SHIPPED, "overdue_reminder", "en", channel, params)
    assert isinstance(outcome, Missing)
    assert set(outcome.variables) == {"name", "amount_due"}
    assert "'amount_due'" in outcome.sentence
    assert "overdue_reminder" in outcome.sentence


@pytest.mark.parametrize("blank", ["", "  ", None, "\n\t", "\u202e", "\ufeff"])
def test_a_blank_is_a_hole_too(blank: object) -> None:
    outcome = reminder("sms", name=blank)
    assert isinstance(outcome, Missing)
    assert outcome.variables == ("name",)


def test_what_an_if_asks_for_may_be_absent_and_is_printed_if_there() -> None:
    assert "链接" not in rendered(reminder("sms", pay_url="")).text
    assert (
        "还款链接：https://pay.example.com/x 。" in rendered(reminder("sms", pay_url="https://pay.example.com/x")).text
    )


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("amount_due", {"value": "NaN", "currency": "CNY"}, "must be a number"),
        ("amount_due", "1280.50", "must be an amount"),
        ("due_date", "20.11.2026", "must be a date"),
        ("due_date", "2026-02-30", "must be a date that exists"),
        ("days_overdue", "many", "must be a number"),
        ("name", ["李雷"], "must be text"),
        ("name", {"first": "李雷"}, "must be an amount"),
        ("name", True, "must be text"),
        ("pay_url", "javascript:alert(1)", "https://"),
    ],
)
def test_a_parameter_that_cannot_be_written_is_named(variable: str, value: object, why: str) -> None:
    outcome = render(SHIPPED, "overdue_reminder", "zh-CN", "sms", {**LI, variable: value})
    assert isinstance(outcome, BadParameter)
    assert outcome.variable == variable
    assert why in outcome.sentence
    assert f"parameter {variable!r}" in outcome.sentence


@pytest.mark.parametrize(
    "name", ["{{ 7*7 }}", "{% for x in y %}", "{{ amount_due }}", "{# x #}", "%(name)s {0}", "# {n}"]
)
def test_a_parameter_that_looks_like_a_template_is_printed_as_it_is(name: str) -> None:
    assert f"】{name}您好" in rendered(reminder("sms", name=name)).text


def test_a_line_break_in_a_parameter_becomes_a_space_in_a_subject_and_stays_in_a_body() -> None:
    email = rendered(reminder("email", creditor="示例\r\nBcc: x@example.com\u2028银行"))
    assert email.title == "【示例 Bcc: x@example.com 银行】关于您账户的重要通知"
    assert "债权人：示例\nBcc: x@example.com\n银行\n" in email.text


def test_text_that_hides_or_turns_round_is_taken_out() -> None:
    sms = rendered(reminder("sms", name="Li\u202e \u2066Lei\u2069\x1b\x00\x9f\ufeff e\u0301\ud800 a\tb"))
    assert "】Li Lei é a b您好" in sms.text


def test_html_is_escaped() -> None:
    email = rendered(reminder("email", name="<script>alert('1')</script>&\"", contact_phone='1"onclick="x'))
    assert email.html is not None
    assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&#34;" in email.html
    assert 'href="tel:1&#34;onclick=&#34;x"' in email.html
    assert "<script>alert('1')</script>" in email.text


def test_what_is_not_there_is_said() -> None:
    unknown = render(SHIPPED, "no_such", "en", "sms", LI)
    assert unknown == UnknownTemplate(template="no_such")
    assert "'no_such'" in unknown.sentence
    nothing = render(SHIPPED, "overdue_reminder", "en", "fax", LI)
    assert isinstance(nothing, NoChannel)
    assert "fax" in nothing.sentence


def test_a_language_without_the_channel_falls_back_to_one_that_has_it(catalog_of: Make) -> None:
    catalog = catalog_of({"zh-CN/a/sms.txt": "你好", "en/a/call.txt": "Hello", "en/a/sms.txt": "Hello"})
    assert rendered(render(catalog, "a", "zh-CN", "call", {})).locale == "en"
    assert rendered(render(catalog, "a", "zh-CN", "sms", {})).locale == "zh-CN"
    assert isinstance(render(catalog, "a", "zh-CN", "push", {}), NoChannel)


def test_a_message_longer_than_its_channel_is_not_made() -> None:
    outcome = reminder("sms", name="李" * 1_600)
    assert isinstance(outcome, TooLong)
    assert "more than the 1600 that sms carries" in outcome.sentence


def test_an_amount_without_a_filter_is_money_and_a_number_is_itself(catalog_of: Make) -> None:
    catalog = catalog_of({"en/a/sms.txt": "{{ a }} {{ b }} {{ c }} {{ d|default('you') }} {{ 'as it is' }}"})
    params = {"a": LI["amount_due"], "b": 12345, "c": 1.5}
    assert rendered(render(catalog, "a", "en", "sms", params)).text == "CN¥1,280.50 12345 1.5 you as it is"


def test_conditions_compare_words_and_figures(catalog_of: Make) -> None:
    source = "{% if n > 30 and m >= 100.5 %}late{% elif w == 'vip' or n != 3 %}vip{% else %}soon{% endif %}"
    catalog = catalog_of({"en/a/sms.txt": source})
    said = [
        rendered(render(catalog, "a", "en", "sms", {"n": n, "m": {"value": m, "currency": "EUR"}, "w": w})).text
        for n, m, w in [("31", "100.50", "x"), (31, "100", "x"), (3, "0", "vip"), (3.0, "0", "x")]
    ]
    assert said == ["late", "vip", "vip", "soon"]


def test_a_push_message_on_a_locked_screen_and_a_subject_tell_nobody_of_a_debt() -> None:
    for template in SHIPPED.names():
        for locale in SHIPPED.locales(template):
            params = {**LI, **(SHIPPED.sample(template, locale) or {})}
            push = rendered(render(SHIPPED, template, locale, "push", params))
            email = rendered(render(SHIPPED, template, locale, "email", params))
            shown = f"{push.title} {push.text} {email.title}".lower()
            for word in (
                "1,280",
                "overdue",
                "debt",
                "owe",
                "payment",
                "逾期",
                "欠",
                "还款",
                "债",
                str(params["name"]).lower(),
            ):
                assert word not in shown


def test_a_call_script_has_the_person_identified_before_the_debt_is_mentioned() -> None:
    for template in SHIPPED.names():
        for locale, check in (("en", "ONLY WHEN THE CHECK HAS PASSED"), ("zh-CN", "身份核实通过后")):
            params = {**LI, **(SHIPPED.sample(template, locale) or {})}
            before, _, after = rendered(render(SHIPPED, template, locale, "call", params)).text.partition(check)
            assert "1,280.50" in after
            assert "1,280.50" not in before
            assert str(params["creditor"]) not in before


def test_every_sms_and_email_names_the_sender_and_a_way_out() -> None:
    for template in SHIPPED.names():
        for locale, sms_out, email_out in (("en", "Reply STOP", "STOP"), ("zh-CN", "拒收请回复T", "退订")):
            params = {**LI, **(SHIPPED.sample(template, locale) or {})}
            sms = rendered(render(SHIPPED, template, locale, "sms", params))
            email = rendered(render(SHIPPED, template, locale, "email", params))
            assert sms_out in sms.text
            assert email.html is not None
            for text in (email.text, email.html):
                assert email_out in text
            for text in (sms.text, email.text, email.html):
                assert str(params["creditor"]) in text
                assert str(params["contact_phone"]) in text
            assert "<img" not in email.html
            assert "http" not in email.html


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**4000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NEAR = st.sampled_from(
    [
        *LI.values(),
        "",
        {"value": "-1", "currency": "JPY"},
        {"value": [], "currency": {}},
        "2026-02-30",
        "</p><x>",
        "a\r\nb",
    ]
)


@given(
    st.fixed_dictionaries(
        {key: ANYTHING | NEAR | st.just(value) for key, value in LI.items()}, optional={"pay_url": ANYTHING}
    ),
    st.sampled_from(["sms", "email", "push", "call", "fax"]),
    st.text(max_size=10) | st.sampled_from(["zh-CN", "en-IN", "ar", "zh-Hant-TW"]),
)
def test_whatever_the_parameters_there_is_an_answer_and_it_is_whole(params: Any, channel: str, locale: str) -> None:
    outcome = render(SHIPPED, "overdue_reminder", locale, channel, params)
    if not isinstance(outcome, Rendered):
        assert "\n" not in outcome.sentence
        return
    assert outcome.text.strip()
    assert outcome.text.encode()
    assert outcome.title is None or outcome.title.splitlines() == [outcome.title]
    assert (outcome.segments is not None) == (channel == "sms")
    if outcome.segments:
        assert outcome.segments == segments(outcome.text)


@given(st.text() | st.sampled_from(["<img src=x onerror=alert(1)>", "'\"><svg/onload=x>", "--></style><script>"]))
def test_markup_in_the_html_part_is_the_templates_alone(text: str) -> None:
    plain, odd = (reminder("email", name=name, creditor=name, contact_phone=name) for name in ("x", text))
    if isinstance(odd, Rendered):
        before, after = rendered(plain).html, odd.html
        assert before is not None
        assert after is not None
        assert [after.count(char) for char in "<>\"'"] == [before.count(char) for char in "<>\"'"]
