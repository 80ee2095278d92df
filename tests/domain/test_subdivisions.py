"""The table of subdivisions, held against two lists that others keep: those of the packages `holidays` and `tzdata`."""

import re
from importlib import resources

import holidays
import pytest

from gateway.domain.places import country_zones, locate
from gateway.domain.subdivisions import COUNTRIES, ZONES

TERRITORIES = ("AS", "GU", "MP", "PR", "UM", "VI")
"""They have country codes of their own, under which zone.tab lists their zones."""


def lines() -> list[list[str]]:
    text = resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def zones_of(country: str) -> set[str]:
    return {name for code, _, name, *_ in lines() if code == country}


def parts(country: str) -> set[str]:
    return {code.partition("-")[2] for code in ZONES if code.startswith(f"{country}-")}


@pytest.mark.parametrize("country", ["US", "CA", "AU", "BR"])
def test_the_subdivisions_are_those_of_the_holidays_package(country: str) -> None:
    """That package also lists a few places that are no subdivisions by ISO 3166-2, such as `São Paulo Capital`."""
    listed = holidays.list_supported_countries()[country]
    assert parts(country) == {part for part in listed if re.fullmatch("[A-Z]{2,3}", part)} - {"FM", "MH", "PW"}


def test_the_countries_are_those_whose_table_is_whole() -> None:
    assert {"US", "CA", "AU", "BR", "MX"} == COUNTRIES
    assert {country: len(parts(country)) for country in sorted(COUNTRIES)} == {
        "AU": 8, "BR": 27, "CA": 13, "MX": 32, "US": 50 + 1 + len(TERRITORIES),
    }  # fmt: skip


@pytest.mark.parametrize("code", sorted(ZONES))
def test_each_zone_belongs_to_the_country(code: str) -> None:
    country, _, part = code.partition("-")
    assert ZONES[code]
    allowed = zones_of(part) if country == "US" and part in TERRITORIES else zones_of(country)
    assert set(ZONES[code]) <= allowed


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_each_zone_of_the_country_is_somewhere_in_it(country: str) -> None:
    used = {name for code, names in ZONES.items() if code.startswith(f"{country}-") for name in names}
    assert zones_of(country) <= used
    assert set(country_zones(country)) <= used


@pytest.mark.parametrize("country", ["CA", "US", "BR"])
def test_a_zone_whose_comment_names_subdivisions_is_theirs(country: str) -> None:
    """zone.tab says `CST - AB, BC(E), NT(E), SK(W)` of America/Edmonton."""
    told = 0
    for code, _, name, *comment in lines():
        if code == country:
            for part in re.findall(r"\b[A-Z]{2}\b", comment[0]) if comment else ():
                if part in parts(country):
                    told += 1
                    assert name in ZONES[f"{country}-{part}"], (name, part)
    assert told > 10


@pytest.mark.parametrize(
    ("code", "zones"),
    [
        ("US-FL", {"America/New_York", "America/Chicago"}),
        ("US-TX", {"America/Chicago", "America/Denver"}),
        ("US-AZ", {"America/Phoenix", "America/Denver"}),
        ("US-PR", {"America/Puerto_Rico"}),
        ("CA-SK", {"America/Regina", "America/Edmonton"}),
        ("AU-NSW", {"Australia/Sydney", "Australia/Broken_Hill", "Australia/Lord_Howe"}),
        ("BR-PE", {"America/Recife", "America/Noronha"}),
        ("MX-ROO", {"America/Cancun"}),
    ],
)
def test_who_lives_there_has_these_clocks(code: str, zones: set[str]) -> None:
    assert set(locate(None, None, code, "DE").zones) == zones
