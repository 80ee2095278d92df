"""Says where a person may be: every time zone that must be respected, and the jurisdictions whose policies judge.

The job's own time zone and jurisdiction win. What the job does not say is inferred from the phone number, then from the
configured default, and where the evidence conflicts all of it counts: picking "the most likely" zone is how people are
woken at six. A number's area code says little about a mobile phone, and nothing here pretends more precision.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources

import phonenumbers
from msgspec import Struct
from phonenumbers import timezone as number_zones

from gateway.domain.clock import zone
from gateway.domain.subdivisions import COUNTRIES as WHOLLY_KNOWN
from gateway.domain.subdivisions import ZONES as ZONES_OF_SUBDIVISIONS
from gateway.domain.walltime import pieces

_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_UNKNOWN_ZONE = "Etc/Unknown"
_NOT_LEGAL_TIME = frozenset({"Asia/Urumqi"})
"""Zones that tzdata lists for a country, but that are not its legal time: all of China legally runs on Beijing time
(reference/regulations.md 2.1). A job that names one gets it all the same."""
_TERRITORIES = frozenset({"AS", "GU", "MP", "PR", "UM", "VI"})
"""They have country codes of their own, and lie in the United States; ISO 3166-2 also calls them `US-PR` and so on."""
_OTHERWISE_CALLED = {"UK": "GB", "EL": "GR"}
"""Codes that the European Union writes where ISO 3166 has others."""
_OVERSEAS = {
    "FR-971": "GP", "FR-972": "MQ", "FR-973": "GF", "FR-974": "RE", "FR-975": "PM", "FR-976": "YT", "FR-977": "BL",
    "FR-978": "MF", "FR-986": "WF", "FR-987": "PF", "FR-988": "NC", "NL-BQ1": "BQ", "NL-BQ2": "BQ", "NL-BQ3": "BQ",
    **{f"FR-{code}": code for code in ("GP", "MQ", "GF", "RE", "PM", "YT", "BL", "MF", "WF", "PF", "NC", "TF")},
    **{f"NL-{code}": code for code in ("AW", "CW", "SX")},
}  # fmt: skip
"""Subdivisions of a country that have an ISO 3166-1 code, and so zones, of their own far away from it."""
_COMPARED_CHUNKS = range(50, 60)
"""Chunks of 400 days, 2024 to 2035, over which two zones must agree to count as one: their clocks then never differ."""


class Place(Struct, frozen=True):
    """`zones` are IANA names that must all be respected; none if nobody knows, and then nothing may be sent.
    `jurisdictions` run from the most specific to the country; where the evidence conflicts, those of every country that
    it points to. `inferred` says what the job did not, and from what it
    was concluded: `{"time_zone": "phone", "jurisdiction": "default"}`."""

    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    inferred: Mapping[str, str]


def time_zone_fault(name: str) -> str | None:
    """Why a job's `recipient.time_zone` cannot be used, as a sentence; None if it can."""
    if zone(name) is None:
        return f"recipient.time_zone is {name[:64]!r}, which is no IANA time zone such as Asia/Shanghai"
    return None


@lru_cache(maxsize=4096)
def jurisdiction_fault(code: str) -> str | None:
    """Why a job's `recipient.jurisdiction` cannot be used, as a sentence; None if it can. A subdivision is only looked
    up where all those of its country are known."""
    given = f"recipient.jurisdiction is {code[:64]!r}, but"
    if not _JURISDICTION.fullmatch(code):
        return f"{given} must be ISO 3166 such as US or US-FL"
    country, dash, part = code.partition("-")
    if country not in _zones_of_countries():
        known = _OTHERWISE_CALLED.get(country)
        advice = f"the code is {known}{dash}{part}" if known else "it must be ISO 3166 such as US or US-FL"
        return f"{given} no country is called {country}; {advice}"
    if dash and country in WHOLLY_KNOWN and code not in ZONES_OF_SUBDIVISIONS:
        return f"{given} no subdivision of {country} is called {part} in ISO 3166-2; {country} alone is the country"
    return None


@lru_cache(maxsize=65_536)
def locate(time_zone: str | None, phone: str | None, jurisdiction: str | None, default_jurisdiction: str) -> Place:
    """The place of a person. A number never narrows the zones of a subdivision (`US-FL`), and an area code tells none:
    numbers move."""
    region = _region(phone) if phone and (time_zone is None or jurisdiction is None) else None
    inferred: dict[str, str] = {}
    codes: tuple[str, ...]
    if jurisdiction is not None:
        codes = (jurisdiction,)
    else:
        codes, inferred["jurisdiction"] = _countries(region, time_zone, default_jurisdiction)
    if time_zone is not None:
        zones: tuple[str, ...] = (time_zone,) if zone(time_zone) else ()
    else:
        zones, inferred["time_zone"] = _plausible(phone, region, codes[0])
    return Place(zones, tuple(dict.fromkeys(part for code in codes for part in parents(code))), inferred)


def _countries(region: str | None, time_zone: str | None, default: str) -> tuple[tuple[str, ...], str]:
    """The places whose law may hold, and the evidence: that of the number, else the configured one; and those of the
    stated time zone too, where it is another country's."""
    code, evidence = (region, "phone") if region else (default, "default")
    elsewhere = _countries_of_zones().get(time_zone or "", ())
    if not elsewhere or code[:2] in elsewhere:
        return (code,), evidence
    return (code, *elsewhere), f"{evidence} and time zone"


def _plausible(phone: str | None, region: str | None, code: str) -> tuple[tuple[str, ...], str]:
    """The zones to respect and the evidence for them. A number of the same country narrows the zones of a country; one
    of another country, or any number of who lives in a named subdivision, is a second place where the person may be."""
    stated = _stated_zones(code)
    if phone is None or region is None:
        return stated, "jurisdiction"
    by_number = _number_zones(phone)
    if region == code:
        return (by_number, "phone") if by_number else (stated, "jurisdiction")
    return _distinct((*(by_number or country_zones(region)), *stated)), "phone and jurisdiction"


def _stated_zones(code: str) -> tuple[str, ...]:
    """The zones of a country or subdivision; those of the whole country for a subdivision that is not known here."""
    own = ZONES_OF_SUBDIVISIONS.get(code) or _zones_of_countries().get(_OVERSEAS.get(code, ""))
    return _distinct(own) if own else country_zones(code[:2])


def parents(code: str) -> tuple[str, ...]:
    """A jurisdiction and all that it lies in, the most specific first: `US-FL` → (`US-FL`, `US`), `PR` → (`PR`, `US`).
    A territory's two codes are one place: `US-PR` → (`US-PR`, `PR`, `US`)."""
    country, dash, part = code.partition("-")
    chain = [code]
    if country == "US" and part in _TERRITORIES:
        chain.append(part)
    if dash:
        chain.append(country)
    if country in _TERRITORIES:
        chain.append("US")
    return tuple(chain)


@lru_cache(maxsize=512)
def country_zones(country: str) -> tuple[str, ...]:
    """The zones of an ISO 3166-1 country, one of each whose clocks always agree; none for an unknown country."""
    return _distinct(_zones_of_countries().get(country, ()))


def _region(phone: str) -> str | None:
    """The country of a number, also of one that is not in use; None for what is no number of a country."""
    number = _parsed(phone)
    if number is None:
        return None
    code: str | None = phonenumbers.region_code_for_number(number)
    if code is None and number.country_code is not None:
        code = phonenumbers.region_code_for_country_code(number.country_code)
    return code if code in _zones_of_countries() else None


def _number_zones(phone: str) -> tuple[str, ...]:
    number = _parsed(phone)
    if number is None:
        return ()
    found = [name for name in number_zones.time_zones_for_number(number) if name != _UNKNOWN_ZONE]
    return _distinct(found if all(map(zone, found)) else ())


def _parsed(phone: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """The first of all zones whose clocks agree, so that a country of thirty zones does not cost thirty questions."""
    kept: dict[object, str] = {}
    for name in names:
        kept.setdefault(_signature(name), name)
    return tuple(kept.values())


@lru_cache(maxsize=1024)
def _signature(name: str) -> tuple[object, ...]:
    return tuple(pieces(name, chunk) for chunk in _COMPARED_CHUNKS)


@lru_cache(maxsize=1)
def _zones_of_countries() -> dict[str, tuple[str, ...]]:
    """Country → zones, from the table of the same `tzdata` release that the zones come from."""
    found: dict[str, list[str]] = {}
    for line in resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text().splitlines():
        if line.startswith("#"):
            continue
        country, _, name, *_ = line.split("\t")
        if name not in _NOT_LEGAL_TIME:
            found.setdefault(country, []).append(name)
    return {country: tuple(names) for country, names in found.items()}


@lru_cache(maxsize=1)
def _countries_of_zones() -> dict[str, tuple[str, ...]]:
    """Zone → the countries whose zone it is, under its other names too (`Asia/Calcutta`)."""
    found: dict[str, tuple[str, ...]] = {}
    for country, names in _zones_of_countries().items():
        for name in names:
            found[name] = (*found.get(name, ()), country)
    for line in resources.files("tzdata").joinpath("zoneinfo/tzdata.zi").read_text().splitlines():
        if line.startswith("L "):
            _, target, name = line.split()
            if target in found:
                found.setdefault(name, found[target])
    return found
