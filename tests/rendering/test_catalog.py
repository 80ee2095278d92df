"""A template that could harm, or could leave a hole, is named with its file and line before it is ever used."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.rendering.catalog import Catalog
from gateway.rendering.check import check
from gateway.rendering.locales import best
from gateway.rendering.render import Rendered, render

Make = Callable[..., Catalog]

REFUSED = [
    ("{{ 'a' * 10**9 }}", "arithmetic"),
    ("{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}", "a loop"),
    ("{{ ''.__class__.__mro__ }}", "an attribute"),
    ("{{ name.upper() }}", "a call"),
    ("{{ name.first }}", "an attribute"),
    ("{{ name['first'] }}", "an index"),
    ("{{ name|attr('x') }}", "'attr'"),
    ("{{ name|upper }}", "'upper'"),
    ("{{ name|safe }}", "'safe'"),
    ("{{ name|map('x')|list }}", "'list'"),
    ("{{ ''|format }}", "'format'"),
    ("{{ cycler.__init__.__globals__ }}", "an attribute"),
    ("{{ range(9) }}", "a call"),
    ("{{ a ~ b }}", "joining with ~"),
    ("{{ a + 1 }}", "arithmetic"),
    ("{{ -a }}", "arithmetic"),
    ("{{ [a] }}", "a list"),
    ("{{ {'a': a} }}", "a dict"),
    ("{{ 'x' if a else 'y' }}", "an inline if"),
    ("{% set a = 1 %}", "an assignment"),
    ("{% set a %}x{% endset %}", "an assignment"),
    ("{% include 'other' %}", "an include"),
    ("{% import 'other' as x %}", "an import"),
    ("{% extends 'other' %}", "an extends"),
    ("{% block x %}{% endblock %}", "a block"),
    ("{% macro x() %}{% endmacro %}", "a macro"),
    ("{% filter upper %}x{% endfilter %}", "a filter block"),
    ("{% with a=1 %}{% endwith %}", "a with block"),
    ("{% if a is defined %}x{% endif %}", "a test with is"),
    ("{% if a in 'abc' %}x{% endif %}", "compares otherwise"),
    ("{% if 1 < a < 3 %}x{% endif %}", "contains"),
    ("{% if a < 'b' %}x{% endif %}", "compares with something else"),
    ("{% if a == b %}x{% endif %}", "compares with something else"),
    ("{% if a > 1e999 %}x{% endif %}", "more than 18 digits"),
    ("{% if a + 1 > 2 %}x{% endif %}", "arithmetic"),
    ("{% if f() %}x{% endif %}", "a call"),
    ("{{ n|plural(one='x') }}", "other"),
    ("{{ n|plural('x', 'y') }}", "other"),
    ("{{ n|plural(few='x', other='y') }}", "one, other"),
    ("{{ n|plural(other=x) }}", "not a word in quotes"),
    ("{{ d|date('tomorrow') }}", "short, medium, long, full"),
    ("{{ d|money('x') }}", "does not take"),
    ("{{ d|date(*x) }}", "not a word in quotes"),
    ("{{ d|default(x) }}", "one word in quotes"),
    ("{{ d|default('x')|money }}", "stands last"),
    ("{{ d|money|date }}", "one filter after another"),
    ("{{ 1 }}", "(Const)"),
    ("{{ name", "is not a template"),
    ("{% if a %}x", "is not a template"),
    ("{{ name }} {% nonsense %}", "is not a template"),
    ("{{ " + "(" * 5000 + " }}", "is not a template"),
    ("{% if " + "not " * 5000 + "a %}x{% endif %}", "is not a template"),
    ("{% if " + "not " * 20 + "a %}x{% endif %}", "conditions deeper"),
    ("{% if a %}" * 20 + "x" + "{% endif %}" * 20, "if deeper"),
    ("{{ a }}" * 300, "more than 200 times"),
    ("x" * 70_000, "larger than"),
    ("  \n", "is empty"),
    ("a\u0000b", "U+0000"),
    (b"caf\xe9", "is not UTF-8"),
]


@pytest.mark.parametrize(("source", "says"), REFUSED, ids=[str(source)[:30] for source, _ in REFUSED])
def test_what_a_template_may_not_say_is_named_with_its_file_and_line(
    source: str | bytes, says: str, catalog_of: Make
) -> None:
    catalog = catalog_of({"en/bad/sms.txt": source, "en/good/sms.txt": "Hello {{ name }}"})
    assert len(catalog.faults) == 1
    assert "en/bad/sms.txt, line 1: " in catalog.faults[0]
    assert says in catalog.faults[0]
    assert catalog.names() == ["good"]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('<a href="{{ x }}">y</a>', "at the start of a link without the filter url"),
        ("<a href={{ x|url }}>y</a>", "not into the quoted value"),
        ("<p {{ x }}>y</p>", "not into the quoted value"),
        ("<p onclick=\"f('{{ x }}')\">y</p>", "into the attribute 'onclick'"),
        ('<p style="color: {{ x }}">y</p>', "into the attribute 'style'"),
        ('<img src="{{ x|url }}">', "into the attribute 'src'"),
        ('<a href="javascript:{{ x }}">y</a>', "without the filter url"),
        ("<script>{{ x }}</script>", "into <script>"),
        ("<style>p {}</style><STYLE>{{ x }}</style>", "into <style>"),
        ("<!-- {{ x }} -->", "into a comment"),
    ],
)
def test_a_parameter_where_escaping_does_not_protect_is_refused(source: str, says: str, catalog_of: Make) -> None:
    files = {"en/a/email.subject.txt": "s", "en/a/email.txt": "t", "en/a/email.html": source}
    assert says in catalog_of(files).faults[0]


def test_a_fault_names_its_own_line(catalog_of: Make) -> None:
    assert "line 3" in catalog_of({"en/a/sms.txt": "Hello\n{{ name }}\n{{ name.x }}"}).faults[0]


def test_the_rest_of_the_folder_is_checked_too(catalog_of: Make, tmp_path: Path) -> None:
    faults = catalog_of({
        "README.md": "not a language", ".git/x/sms.txt": "nor this", "klingonese1/a/sms.txt": "x", "en/a/sms.text": "x",
        "en/a/sms.txt": "x", "en/b/email.txt": "x", "en/c/sample.yaml": "name: Li", "en/locale.yaml": "nme: English",
        "en/d/sms.txt": "x", "en/d/sample.yaml": "a: [",
    }).faults  # fmt: skip
    told = " | ".join(faults)
    assert len(faults) == 6
    for part in ("klingonese1", "a/sms.text: is not one of", "email.subject.txt: is missing", "c: holds no template"):
        assert part in told
    assert "`nme`" in told
    assert "d/sample.yaml: " in told
    assert "no such folder" in Catalog.load(tmp_path / "none", "en").faults[0]


def test_two_folders_of_one_language_are_a_fault(catalog_of: Make) -> None:
    assert "same language" in catalog_of({"zh-CN/a/sms.txt": "x", "zh_cn/a/sms.txt": "y"}).faults[0]


def test_only_what_an_if_asks_for_may_be_absent(catalog_of: Make) -> None:
    source = (
        "{{ a }}{% if b %}{{ b }}{{ c }}{% endif %}{% if d > 3 %}x{% endif %}"
        "{% if e and e > 3 and f == 'x' %}x{% endif %}"
        "{% if not g %}x{% else %}{{ g }}{% endif %}{{ h|default('-') }}{% if not i %}x{% elif i > 3 %}y{% endif %}"
        "{% if j or k %}{{ j }}{% endif %}"
    )
    sheet = catalog_of({"en/a/sms.txt": source}).sheet("a", "sms", "en")
    assert sheet is not None
    assert sheet.needs == ("a", "c", "d", "f", "j")


def test_a_version_is_the_digest_of_the_file_and_changes_with_any_of_several(catalog_of: Make) -> None:
    catalog = catalog_of({"en/a/sms.txt": "Hello", "en/a/push.txt": "x", "en/a/push.title.txt": "y"})
    sheet = catalog.sheet("a", "sms", "en")
    assert sheet is not None
    assert sheet.version == "sha256:" + sha256(b"Hello").hexdigest()
    push = catalog.sheet("a", "push", "en")
    other = catalog_of({"en/a/push.title.txt": "z"}).sheet("a", "push", "en")
    assert push is not None
    assert other is not None
    assert push.version != other.version


def test_the_catalogue_tells_what_it_holds(shipped: Catalog) -> None:
    assert shipped.faults == []
    assert shipped.names() == ["final_notice", "overdue_reminder", "payment_plan_offer"]
    for name in shipped.names():
        assert shipped.locales(name) == ["en", "zh-CN"]
        assert shipped.channels(name, "zh-CN") == ["sms", "email", "push", "call"]
    assert shipped.channels("none", "en") == shipped.locales("none") == []
    assert shipped.language_names == {"en": "English", "zh-CN": "简体中文"}


@pytest.mark.parametrize(
    ("wanted", "folders", "found"),
    [
        ("zh-Hans-CN", ["zh", "zh-CN", "zh-Hans", "zh-Hans-CN", "en"], "zh-Hans-CN"),
        ("zh-Hans-CN", ["zh", "zh-CN", "zh-Hans", "en"], "zh-CN"),
        ("zh-Hans-CN", ["zh", "zh-Hans", "en"], "zh-Hans"),
        ("zh-Hans-CN", ["zh", "en"], "zh"),
        ("zh-Hans-CN", ["en"], "en"),
        ("zh", ["zh-CN", "en"], "zh-CN"),
        ("zh-SG", ["zh-CN", "en"], "zh-CN"),
        ("zh-Hant-TW", ["zh-CN", "en"], "en"),
        ("zh-TW", ["zh-CN", "en"], "en"),
        ("zh-Hant-TW", ["zh", "en"], "zh"),
        ("en-GB", ["en-US", "zh"], "en-US"),
        ("ZH_cn", ["zh-CN", "en"], "zh-CN"),
        ("sr-Latn-RS", ["sr", "en"], "sr"),
        ("de-CH-1996", ["de", "en"], "de"),
        ("fr", ["zh-CN"], None),
        ("", ["zh-CN", "en"], "en"),
    ],
)
def test_a_person_gets_the_closest_language(wanted: str, folders: list[str], found: str | None) -> None:
    assert best(wanted, {name.lower(): name for name in folders}, "en") == found


def test_a_variable_that_the_templates_own_sample_lacks_is_named(catalog_of: Make) -> None:
    sheets = {"en/a/sms.txt": "{{ name }} owes {{ amuont|money }}{% if more %} {{ more }}{% endif %}"}
    assert check(catalog_of(sheets)) == []
    (fault,) = check(catalog_of({**sheets, "en/a/sample.yaml": "name: Li\namount: {value: '5', currency: EUR}"}))
    assert "'amuont'" in fault


def test_a_template_added_by_somebody_is_checked_by_its_own_sample_or_made_up_ones(catalog_of: Make) -> None:
    good = "{{ a|money }} {{ b|date }} {{ c|number }} {{ d|plural(other='#') }} {{ e|url }} {{ f }}"
    good += "{% if g > 3 %}{{ h }}{% endif %}"
    catalog = catalog_of({
        "en/good/sms.txt": good, "en/sampled/sms.txt": "{{ a|money }}", "en/sampled/sample.yaml": "a: 5",
        "en/hollow/sms.txt": "{% if a %}{{ a }}{% endif %}",
    })  # fmt: skip
    faults = check(catalog)
    assert len(faults) == 2
    assert "'hollow' (en, sms) renders to nothing" in faults[0]
    assert "parameter 'a' of template 'sampled' (en, sms) must be an amount" in faults[1]
    assert check(catalog, {"sampled": {"a": {"value": "5", "currency": "EUR"}}}) == faults[:1]


def test_every_template_that_ships_renders_in_every_language(shipped: Catalog) -> None:
    assert check(shipped) == []


def test_numbers_follow_the_reader_where_the_language_is_the_same(catalog_of: Make) -> None:
    catalog = catalog_of({"en/a/sms.txt": "{{ d|date('long') }} {{ m }}", "zh-CN/b/sms.txt": "{{ d|date }}"})
    params = {"d": "2026-11-20", "m": {"value": "1234567.5", "currency": "INR"}}
    texts = [
        outcome.text
        for locale in ("en", "en-IN", "de")
        if isinstance(outcome := render(catalog, "a", locale, "sms", params), Rendered)
    ]
    assert texts == [
        "November 20, 2026 ₹1,234,567.50",
        "20 November 2026 ₹12,34,567.50",
        "November 20, 2026 ₹1,234,567.50",
    ]
