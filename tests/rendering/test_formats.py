"""Amounts, dates and numbers are written as Babel writes them, and what cannot be written is said."""

from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from babel.dates import format_date
from babel.localedata import locale_identifiers
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from gateway.rendering.formats import Wrong, babel_locale, day, figure_of, money, number, plural, url

LOCALES = sorted(locale_identifiers())
FEW = [
    "en",
    "en_IN",
    "hi_IN",
    "de",
    "de_CH",
    "de_AT",
    "fr",
    "es",
    "pt_PT",
    "ar_EG",
    "he",
    "fa",
    "zh_Hans_CN",
    "ja",
    "sv",
    "nl",
]
AMOUNTS = [
    "0",
    "0.00",
    "-0.00",
    "1",
    "12.5",
    "-12.50",
    "999",
    "1000",
    "1280.50",
    "-1234567.89",
    "123456789012345678",
    "0.125",
]
CURRENCIES = ["CNY", "USD", "EUR", "INR", "JPY", "KWD", "CHF", "RSD"]


def plain(value: str) -> Decimal:
    return Decimal(value) or Decimal(0)  # Babel writes a minus before nothing; nobody owes minus nothing


@pytest.mark.parametrize("locale", LOCALES)
def test_an_amount_is_written_as_babel_writes_it_in_every_locale(locale: str) -> None:
    for value in ("1234567.5", "-1280.50"):
        expected = format_currency(Decimal(value), "CNY", locale=locale)
        assert money({"value": value, "currency": "CNY"}, locale, False) == expected


@pytest.mark.parametrize("locale", FEW)
@pytest.mark.parametrize("currency", CURRENCIES)
def test_every_size_and_sign_of_an_amount_agrees_with_babel(locale: str, currency: str) -> None:
    for value in AMOUNTS:
        expected = format_currency(plain(value), currency, locale=locale, decimal_quantization=False)
        assert money({"value": value, "currency": currency}, locale, False) == expected


@given(st.decimals(-(10**17), 10**17, places=3), st.sampled_from(FEW), st.sampled_from(["CNY", "JPY", "KWD", "INR"]))
def test_any_amount_agrees_with_babel(value: Decimal, locale: str, currency: str) -> None:
    expected = format_currency(value or Decimal(0), currency, locale=locale, decimal_quantization=False)
    assert money({"value": f"{value:f}", "currency": currency}, locale, False) == expected


@pytest.mark.parametrize("locale", FEW)
def test_numbers_and_dates_agree_with_babel(locale: str) -> None:
    for value in AMOUNTS:
        assert number(value, locale, False) == format_decimal(plain(value), locale=locale, decimal_quantization=False)
    for style in ("short", "medium", "long", "full"):
        expected = format_date(date(2026, 11, 20), style, locale)
        assert day("2026-11-20", locale, False, style) == expected


def test_yen_have_no_decimals_dinars_three_and_nothing_is_rounded_away() -> None:
    assert money({"value": "1280.00", "currency": "JPY"}, "ja", False) == "￥1,280"
    assert money({"value": "1280.5", "currency": "KWD"}, "en", False) == "KWD1,280.500"
    assert money({"value": "1280.125", "currency": "USD"}, "en", False) == "$1,280.125"
    assert money({"value": "1234567.5", "currency": "INR"}, "en_IN", False) == "₹12,34,567.50"


def test_an_sms_gets_plain_spaces() -> None:
    assert money({"value": "1280.50", "currency": "EUR"}, "fr", True) == "1 280,50 €"
    assert money({"value": "1280.50", "currency": "EUR"}, "fr", False) == "1\u202f280,50\u00a0€"


def test_plurals_follow_the_language() -> None:
    polish = partial(plural, locale="pl", thrifty=True, forms={"one": "# dzień", "few": "# dni", "other": "# dnia"})
    assert [polish(n) for n in (1, 2, 1.5)] == ["1 dzień", "2 dni", "1,5 dnia"]
    assert plural(1000, "en", True, {"one": "# day", "other": "# days"}) == "1,000 days"


CNY = {"currency": "CNY"}
NO_AMOUNTS: list[Any] = [None, True, [], {}, "1280.50", 5, {"value": "1"}, {"value": "1", **CNY, "more": 1}]
NO_CURRENCIES: list[Any] = ["XYZ1", "cny", None, [], 156, ""]
NO_VALUES: list[Any] = [
    "NaN",
    "1e5",
    "Infinity",
    "1,280.50",
    " 1",
    "",
    "+1",
    "١٢",
    "1.1234567",
    "9" * 19,
    None,
    {},
    True,
]
NO_VALUES += [1e300, 1e-7, float("nan"), float("inf"), 10**5000]


def test_what_is_no_amount_is_said() -> None:
    for value in NO_AMOUNTS:
        assert isinstance(money(value, "en", False), Wrong)
    for currency in NO_CURRENCIES:
        assert isinstance(money({"value": "1", "currency": currency}, "en", False), Wrong)
    for value in NO_VALUES:
        assert isinstance(money({"value": value, **CNY}, "en", False), Wrong)
        assert isinstance(number(value, "en", False), Wrong)


@pytest.mark.parametrize(
    "value", [None, 20261120, "20.11.2026", "2026-02-30", "0000-01-01", "2026-W47-5", "2026-11-20T00:00", "٢٠٢٦-١١-٢٠"]
)
def test_what_is_no_date_is_said(value: object) -> None:
    assert isinstance(day(value, "en", False, "medium"), Wrong)


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "http://x.example",
        "https://a@b.example",
        'https://x.example/"onload=',
        "https://x.example/a b",
        5,
        "https://",
    ],
)
def test_what_is_no_safe_link_is_said(value: object) -> None:
    assert isinstance(url(value, "en", False), Wrong)


def test_a_link_and_a_figure_are_taken_as_they_are() -> None:
    assert (
        url("https://pay.example.com:8443/x?a=1&b=%20#c", "en", False) == "https://pay.example.com:8443/x?a=1&b=%20#c"
    )
    assert figure_of({"value": "-12.50", "currency": "CNY"}) == Decimal("-12.5")
    assert figure_of(3) == 3


def test_a_tag_finds_babels_closest_locale() -> None:
    assert [babel_locale(tag) for tag in ("zh-CN", "zh_hans_cn", "en-XX", "en-u-ca-buddhist")] == ["zh_Hans_CN"] * 2 + [
        "en"
    ] * 2
    assert [babel_locale(tag) for tag in ("", "xx", "\u4e2d", "..", "a" * 300)] == [None] * 5
