"""Every reason can be told in every language, whatever was found."""

import re
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from gateway.domain.clock import parse_instant
from gateway.policy.judge import weigh
from gateway.policy.rules.registry import KINDS
from gateway.policy.vectors import read_case, read_rules
from gateway.queries import sentences
from gateway.queries.moments import elapsed, moment, within
from gateway.queries.sentences import Told, explicit, line
from gateway.queries.words import EN, LANGUAGES, TABLES, ZH
from tests.policy.strategies import vectors

AT = parse_instant("2026-03-09T01:14:05Z")


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_kind_of_the_registry_has_its_sentences_in_every_language() -> None:
    assert set(sentences.KINDS) == {*KINDS, "zone"}
    for language in LANGUAGES:
        for kind in KINDS:
            for state in ("blocks", "passes", "never"):
                assert TABLES[language][f"{kind}.{state}"], (language, kind, state)
        assert TABLES[language]["stop.explicit"]


def test_the_tables_say_the_same_things_and_fill_in_the_same_facts() -> None:
    plain = {key for key in (*EN, *ZH) if ":" not in key or key.startswith(("within:", "by:"))}
    for key in plain:
        assert key in EN, key
        assert key in ZH, key
        assert fields(EN[key]) == fields(ZH[key]), key


def test_chinese_is_written_with_its_own_marks_and_english_without_them() -> None:
    for key, text in EN.items():
        assert not re.search(r"[\u3000-\u303f\uff00-\uffef\u4e00-\u9fff]", text), key
    for key, text in ZH.items():
        assert not re.search(r"[\u4e00-\u9fff][,;]", text), key


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(vectors())
def test_whatever_is_found_can_be_told(vector: dict[str, Any]) -> None:
    case, at = read_case(vector, {"candidate": vector["candidate"]}), parse_instant(vector["at"])
    for finding in weigh(read_rules(vector), case, at):
        for language in LANGUAGES:
            for recorded in (False, True):
                text = line(finding, Told(at, case.zones, language, recorded))
                assert finding.rule in text
                assert "{" not in text
                assert "None" not in text
                assert finding.source in text


RULES: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (
        {"kind": "window", "hours": {"mon-sun": "08:00-21:00"}}, {},
        "blocks: 21:14:05 in America/New_York on 2026-03-08 lies outside 08:00-21:00; opens 2026-03-09T12:00:00Z "
        "(2026-03-09 08:00:00 America/New_York). Source: a law",
        "拦截：America/New_York 当地时间 2026-03-08 21:14:05，不在允许时段 08:00-21:00 之内；"
        "最早可联系时间：2026-03-09T12:00:00Z（America/New_York 当地 2026-03-09 08:00:00）。依据：a law",
    ),
    (
        {"kind": "cap", "max": 1, "within": {"days": 7}, "counts": ["*.sent"], "scope": ["recipient"]},
        {"history": [{"at": "2026-03-08T20:00:00Z", "channel": "sms", "event": "sent", "recipient": "C"}]},
        "blocks: 1 of 1 contacts in 7 local dates are used: sms sent 2026-03-08T20:00:00Z (2026-03-08 16:00:00 "
        "America/New_York); the next one is free 2026-03-15T04:00:00Z (2026-03-15 00:00:00 America/New_York).",
        "拦截：7 个自然日内的联系次数上限为 1 次，已用 1 次：短信已发送 2026-03-08T20:00:00Z"
        "（America/New_York 当地 2026-03-08 16:00:00）；最早释放时间：2026-03-15T04:00:00Z"
        "（America/New_York 当地 2026-03-15 00:00:00）。",
    ),
    (
        {"kind": "stop", "states": ["attorney"]}, {"states": [{"state": "attorney", "recipient": "C"}]},
        "blocks: the person's state is attorney, for ever unless it is lifted.",
        "拦截：当事人处于“已委托律师”状态，未解除前一律不得联系。",
    ),
    (
        {"kind": "require", "state": "sms_consent"}, {}, "blocks: sms_consent is missing.", "拦截：缺少“sms_consent”。",
    ),
    (
        {"kind": "require", "event": ["letter.sent"], "scope": ["recipient"], "wait": {"days": 3}},
        {"history": [{"at": "2026-03-08T20:00:00Z", "channel": "letter", "event": "sent", "recipient": "C"}]},
        "letter.sent is there and not good yet (good from 2026-03-11T04:00:00Z (2026-03-11 00:00:00 America/New_York) "
        "until for ever)",
        "已有“letter.sent”，但尚未满足期限",
    ),
    (
        {"kind": "blackout", "dates": ["2026-03-08", "2026-12-25"]}, {},
        "blocks: inside a time without contact: 2026-03-08/2026-03-08; it ends 2026-03-09T04:00:00Z",
        "拦截：处于禁止联系期间：2026-03-08/2026-03-08；结束时间：2026-03-09T04:00:00Z",
    ),
    (
        {"kind": "channel_lock", "calendar": "week", "counts": ["*.*"], "scope": ["recipient"]},
        {"history": [{"at": "2026-03-08T20:00:00Z", "channel": "call", "event": "answered", "recipient": "C"}]},
        "blocks: in this week (from mon) the channel is call, by its first contact call answered 2026-03-08T20:00:00Z",
        "拦截：同一周（周一起算）内首次联系使用了电话",
    ),
    (
        {"kind": "spacing", "min_gap": "PT90M", "scope": ["recipient"], "otherwise": "warn"},
        {"history": [{"at": "2026-03-09T01:00:00Z", "channel": "sms", "event": "sent", "recipient": "C"}]},
        "warns only: less than 1 h 30 min have passed since sms sent", "仅提示：距短信已发送",
    ),
    (
        {"kind": "cooloff", "days": 7, "counts": ["*.conversation"], "scope": ["recipient"]},
        {"history": [{"at": "2026-03-08T20:00:00Z", "channel": "call", "event": "conversation", "recipient": "C"}]},
        "blocks: silence for 7 local dates after call conversation", "须静默 7 个自然日",
    ),
    (
        {"kind": "content", "lock_screen": "no_debt"}, {},
        "cannot be weighed again: the text of the message is not kept; it is not among",
        "无法复核：消息正文不予留存；当时不在拦截规则之列",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "facts", "english", "chinese"), RULES, ids=[rule[0]["kind"] for rule in RULES])
def test_a_block_is_told_with_its_figures(
    rule: dict[str, Any], facts: dict[str, Any], english: str, chinese: str
) -> None:
    raw = {"id": "a.rule", "source": "a law", "status": "verified", "force": "statute", **rule}
    vector = {"rules": [raw], "zones": ["America/New_York"], **facts}
    case = read_case(vector, {"candidate": {"channel": "sms", "recipient": "C"}})
    (finding,) = weigh(read_rules(vector), case, AT)
    assert english in line(finding, Told(AT, case.zones, "en"))
    assert chinese in line(finding, Told(AT, case.zones, "zh"))
    assert line(finding, Told(AT, case.zones, "en")).startswith("a.rule (statute, verified) ")


def test_a_stop_that_no_rule_names_is_told_by_its_word() -> None:
    assert explicit("stop:dispute", Told(AT, (), "en")) == (
        "stop:dispute: the person's own word forbids it (dispute); it needs no rule"
    )
    assert (
        explicit("stop:dispute", Told(AT, (), "zh")) == "stop:dispute：当事人已明确要求停止（债务争议），无需规则即生效"
    )
    assert "unheard" in explicit("stop:unheard", Told(AT, (), "zh"))


def test_times_stand_in_utc_and_on_the_walls_of_a_few_zones() -> None:
    zones = ["Asia/Shanghai", "Europe/Berlin", "nowhere", "America/New_York", "Asia/Tokyo"]
    assert moment("2026-03-09T12:00:00.000Z", zones, "en") == (
        "2026-03-09T12:00:00Z (2026-03-09 20:00:00 Asia/Shanghai; 2026-03-09 13:00:00 Europe/Berlin; "
        "2026-03-09 08:00:00 America/New_York; 1 more zones)"
    )
    assert moment("2026-03-09T12:00:00.250Z", [], "zh") == "2026-03-09T12:00:00.250Z"


@pytest.mark.parametrize(
    ("figure", "english", "chinese"),
    [
        ("PT86400S rolling", "24 h (rolling)", "任意连续 24 小时"),
        ("PT604800S rolling", "7 d (rolling)", "任意连续 7 天"),
        ("PT5400S rolling", "1 h 30 min (rolling)", "任意连续 1 小时 30 分钟"),
        ("7 local dates", "7 local dates", "7 个自然日"),
        ("week from sun", "week (from sun)", "同一周（周日起算）"),
        ("day", "a calendar day", "同一自然日"),
        ("month", "a calendar month", "同一自然月"),
    ],
)
def test_spans_are_said_as_people_say_them(figure: str, english: str, chinese: str) -> None:
    assert within(figure, "en") == english
    assert within(figure, "zh") == chinese


def test_a_span_is_not_lost_in_its_units() -> None:
    for days in range(10):
        span = timedelta(days=days, seconds=3725)
        told = re.findall(r"(\d+) (d|h|min|s)", elapsed(int(span.total_seconds()), "en"))
        seconds = sum(int(count) * {"d": 86400, "h": 3600, "min": 60, "s": 1}[unit] for count, unit in told)
        assert datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) == datetime(2026, 1, 1, tzinfo=UTC) + span
