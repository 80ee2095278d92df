"""Where a person may be: what the job says wins, what it does not is inferred, and conflicting evidence all counts."""

from datetime import UTC, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.clock import zone
from gateway.domain.places import Place, country_zones, jurisdiction_fault, locate, parents, time_zone_fault


def test_what_the_job_says_wins_alone() -> None:
    place = locate("Asia/Tokyo", "+12125550123", "US-FL", "CN")
    assert place == Place(("Asia/Tokyo",), ("US-FL", "US"), {})


def test_a_number_of_the_jurisdiction_narrows_its_zones() -> None:
    assert locate(None, "+12125550123", "US", "CN").zones == ("America/New_York",)
    assert locate(None, "+12125550123", "US", "CN").inferred == {"time_zone": "phone"}


def test_a_number_says_the_jurisdiction_if_nobody_else_does() -> None:
    place = locate(None, "+8613800138000", None, "US")
    assert place == Place(("Asia/Shanghai",), ("CN",), {"jurisdiction": "phone", "time_zone": "phone"})


def test_a_number_that_is_not_in_use_still_belongs_to_a_country() -> None:
    place = locate(None, "+447700900123", None, "US")
    assert (place.zones, place.jurisdictions) == (("Europe/London",), ("GB",))


def test_a_number_of_another_country_is_a_second_place() -> None:
    place = locate(None, "+81312345678", "US", "CN")
    assert place.jurisdictions == ("US",)
    assert {"Asia/Tokyo", "America/New_York", "Pacific/Honolulu"} <= set(place.zones)
    assert place.inferred == {"time_zone": "phone and jurisdiction"}
    assert "Europe/London" in locate(None, "+447700900123", "US", "CN").zones


def test_without_any_evidence_the_default_counts() -> None:
    place = locate(None, None, None, "DE")
    assert place == Place(("Europe/Berlin",), ("DE",), {"jurisdiction": "default", "time_zone": "jurisdiction"})
    assert locate(None, "+99999", None, "DE").zones == ("Europe/Berlin",)


def test_a_subdivision_has_its_own_zones() -> None:
    assert locate(None, None, "US-FL", "CN").zones == ("America/New_York", "America/Chicago")
    assert locate(None, None, None, "US-FL").zones == ("America/New_York", "America/Chicago")


def test_a_number_is_a_second_place_for_who_lives_in_a_named_subdivision() -> None:
    """A Floridian with a Californian number was texted until one minute to midnight in Florida."""
    place = locate(None, "+14155550123", "US-FL", "US")
    assert place.zones == ("America/Los_Angeles", "America/New_York", "America/Chicago")
    assert place.inferred == {"time_zone": "phone and jurisdiction"}
    assert locate(None, "+13055550123", "US-FL", "US").zones == ("America/New_York", "America/Chicago")


def test_a_subdivision_that_nobody_knows_has_the_zones_of_its_country_and_the_number() -> None:
    assert locate(None, None, "US-NYC", "CN").zones == country_zones("US")
    assert set(locate(None, "+14155550123", "US-NYC", "CN").zones) == set(country_zones("US"))
    assert {"Europe/Lisbon", "Atlantic/Azores"} <= set(locate(None, "+351212345678", "PT-20", "CN").zones)


def test_zones_whose_clocks_always_agree_are_one() -> None:
    zones = country_zones("US")
    assert "America/New_York" in zones
    assert "America/Detroit" not in zones
    assert "America/Phoenix" in zones
    assert len(zones) <= 9


def test_all_of_china_runs_on_beijing_time_unless_the_job_says_otherwise() -> None:
    assert country_zones("CN") == ("Asia/Shanghai",)
    assert locate("Asia/Urumqi", None, "CN", "US").zones == ("Asia/Urumqi",)


def test_what_nobody_knows_has_no_zone() -> None:
    assert locate("Mars/Olympus", "+12125550123", "US", "CN").zones == ()
    assert locate(None, None, "XX", "CN").zones == ()


def test_parents_run_from_the_most_specific() -> None:
    assert parents("US-FL") == ("US-FL", "US")
    assert parents("CN") == ("CN",)


@pytest.mark.parametrize("code", ["PR", "GU", "VI", "AS", "MP", "UM"])
def test_a_territory_of_the_united_states_lies_in_them_under_both_of_its_codes(code: str) -> None:
    assert parents(code) == (code, "US")
    assert parents(f"US-{code}") == (f"US-{code}", code, "US")


def test_a_number_of_puerto_rico_brings_the_law_of_the_united_states_and_its_own_clock() -> None:
    place = locate(None, "+17875550123", None, "DE")
    assert place == Place(("America/Puerto_Rico",), ("PR", "US"), {"jurisdiction": "phone", "time_zone": "phone"})


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../etc/passwd", "EST5EDT4", "Asia/Shanghai\0", "x" * 300, "Factory"]
)
def test_a_zone_that_does_not_exist_is_a_sentence_that_names_the_field(name: str) -> None:
    assert (time_zone_fault(name) or "").startswith("recipient.time_zone is ")
    assert time_zone_fault("Asia/Kathmandu") is None


def test_only_one_name_of_tzdata_is_no_places_clock_and_is_no_zone() -> None:
    """`-00` is how tzdata writes that the local time is not known."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    assert [name for name in names if now.astimezone(ZoneInfo(name)).tzname() == "-00"] == ["Factory"]
    assert [name for name in names if zone(name) is None] == ["Factory"]
    assert locate("Factory", "+12125550123", "US", "US").zones == ()


@pytest.mark.parametrize("code", ["us", "USA", "US-", "US-FLOR", "XX", "", "house", "EU"])
def test_a_jurisdiction_that_is_none_is_a_sentence_that_names_the_field(code: str) -> None:
    assert (jurisdiction_fault(code) or "").startswith("recipient.jurisdiction is ")
    assert jurisdiction_fault("US-FL") is None


@pytest.mark.parametrize(("code", "right"), [("UK", "GB"), ("UK-SCT", "GB-SCT"), ("EL", "GR")])
def test_a_code_that_is_often_taken_for_another_is_told_with_the_right_one(code: str, right: str) -> None:
    fault = f"recipient.jurisdiction is '{code}', but no country is called {code[:2]}; the code is {right}"
    assert jurisdiction_fault(code) == fault


@pytest.mark.parametrize("code", ["US-XX", "CA-FED", "AU-NZ", "BR-ZZ", "MX-DIF", "US-FM"])
def test_a_subdivision_is_none_where_all_of_the_country_are_known(code: str) -> None:
    country, _, part = code.partition("-")
    assert f"but no subdivision of {country} is called {part}" in (jurisdiction_fault(code) or "")
    assert jurisdiction_fault("IN-MH") is None, "those of other countries are not known here"


def test_a_time_zone_of_another_country_than_the_number_brings_the_law_of_both() -> None:
    found = locate("Asia/Shanghai", "+14165550100", None, "DE")
    assert found.jurisdictions == ("CA", "CN")
    assert found.inferred == {"jurisdiction": "phone and time zone"}
    assert locate("Asia/Calcutta", None, None, "US-FL").jurisdictions == ("US-FL", "US", "IN")
    assert locate("Asia/Shanghai", "+14165550100", "DE", "DE").jurisdictions == ("DE",), "the job's own word wins"


def test_a_time_zone_that_is_no_countrys_is_no_evidence() -> None:
    assert locate("Etc/UTC", None, None, "US").jurisdictions == ("US",)
    assert locate("Europe/Oslo", "+4712345678", None, "US").jurisdictions == ("NO",)


@pytest.mark.parametrize(
    ("code", "zone"),
    [
        ("FR-RE", "Indian/Reunion"),
        ("FR-974", "Indian/Reunion"),
        ("FR-GP", "America/Guadeloupe"),
        ("NL-CW", "America/Curacao"),
    ],
)
def test_an_overseas_part_of_a_country_has_its_own_clock(code: str, zone: str) -> None:
    assert locate(None, None, code, "US").zones == (zone,)
