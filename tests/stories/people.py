"""Two hundred persons in twenty-four zones, known by number, by zone or by both, and the jobs that are put for them."""

import random
from typing import Any, NamedTuple

from gateway.domain.clock import HOUR, Instant, format_instant
from tests.stories.lawful import Home
from tests.stories.world import PARAMS

COUNTRIES = (  # zone, jurisdiction, the beginning of a number that is nowhere else, its further digits
    ("Europe/Berlin", "DE", "+491701", 7), ("Europe/London", "GB", "+4474001", 5), ("Europe/Madrid", "ES", "", 0),
    ("Africa/Casablanca", "MA", "", 0), ("Africa/Cairo", "EG", "+201001", 6),
    ("Africa/Johannesburg", "ZA", "+27821", 6), ("Asia/Beirut", "LB", "+961711", 5),
    ("Asia/Kolkata", "IN", "+91981", 7), ("Asia/Kathmandu", "NP", "+977984", 7),
    ("Asia/Shanghai", "CN", "+861391", 7), ("Asia/Tokyo", "JP", "+81901", 7),
    ("Australia/Sydney", "AU", "", 0), ("Australia/Lord_Howe", "AU", "", 0), ("Pacific/Auckland", "NZ", "", 0),
    ("Pacific/Chatham", "NZ", "", 0), ("Pacific/Kiritimati", "KI", "", 0), ("America/New_York", "US", "+1212555", 4),
    ("America/Los_Angeles", "US", "+1213555", 4), ("America/St_Johns", "CA", "+1709555", 4),
    ("America/Vancouver", "CA", "+1604555", 4), ("America/Havana", "CU", "+5351", 6), ("America/Nuuk", "GL", "", 0),
    ("America/Santiago", "CL", "", 0), ("America/Sao_Paulo", "BR", "", 0),
)  # fmt: skip
ZONES = {zone for zone, *_ in COUNTRIES}
ACCOUNTS = 3
CHANNELS = (["sms"], ["push"], ["email"], ["sms", "email"], ["push", "sms", "email"], ["email", "push"])
ROLES = ("creditor", "agency", "buyer")


class Person(NamedTuple):
    """A recipient as jobs name it, and where the story knows it to be."""

    recipient: dict[str, Any]
    home: Home

    @property
    def id(self) -> str:
        return str(self.recipient["id"])


def people(count: int) -> list[Person]:
    return [person(number) for number in range(count)]


def person(number: int) -> Person:
    """The first of a zone are known by their number alone, the next by number and zone, others by a number from another
    country, by a jurisdiction that is not their zone's, or by two places that may both be theirs."""
    zone, code, start, digits = COUNTRIES[number % len(COUNTRIES)]
    phone = f"{start}{number:0{digits}d}" if start else f"+491702{number:07d}"
    who: dict[str, Any] = {
        "id": f"p{number}", "locale": "en", "phone": phone, "email": f"p{number}@example.com",
        "push": [{"provider": "fcm", "token": f"token-{number}"}],
    }  # fmt: skip
    manner = number // len(COUNTRIES) if start else -1
    match manner:
        case 0:
            return Person(who, Home(code, (zone,)))
        case 1:
            return Person(who | {"time_zone": zone}, Home(code, (zone,)))
        case 2:
            return Person(who | {"time_zone": zone, "jurisdiction": "CN"}, Home("CN", (zone,)))
        case 3:
            return Person(who | {"jurisdiction": "IN"}, Home("IN", (zone, "Asia/Kolkata")))
        case 4:
            who["phone"] = f"+8613{number:09d}"
    return Person(who | {"time_zone": zone, "jurisdiction": code}, Home(code, (zone,)))


def job(number: int, whose: Person, at: Instant, lots: random.Random) -> dict[str, Any]:
    """A job by lot, most of which are over in a day or so. Its number stands in every text that comes of it."""
    channels, role = lots.choice(CHANNELS), lots.choice(ROLES)
    params = {"creditor": f"Bank {number}", "disclosure": "This is a debt collector."}
    found = {
        "id": f"j{number}", "template": "overdue_reminder", "channels": channels, "role": role,
        "strategy": "all" if lots.random() < 0.2 else "first", "params": PARAMS | params,
        "recipient": whose.recipient, "account": account(whose, lots),
        "flags": lots.choices([[], ["response"], ["night_consent"]], [90, 5, 5])[0],
    }  # fmt: skip
    if lots.random() < 0.95:
        found["expires_at"] = format_instant(at + int(lots.uniform(1, 30) * HOUR))
    if lots.random() < 0.05:
        found["not_before"] = format_instant(at + int(lots.uniform(0, 20) * HOUR))
    return found


def account(whose: Person, lots: random.Random) -> str:
    return f"{whose.id}-{lots.randrange(ACCOUNTS)}"


def address(recipient: dict[str, Any], channel: str) -> str:
    return str({"sms": recipient["phone"], "email": recipient["email"], "push": recipient["push"][0]["token"]}[channel])
