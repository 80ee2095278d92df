"""The sample portfolios of `gateway demo --stay`: made-up debtors in several countries, and what a month brings them.

Everything is dealt by a seed, so that every demo tells the same. Numbers are reserved for fiction, as in
`gateway.cli.portfolio`, and their last two digits decide what the sandbox answers; most have digits without meaning.
"""

import random
from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec import Struct

from channels.contract import Channel
from gateway.domain.clock import DAY, HOUR, MINUTE, Instant, format_instant
from gateway.domain.walltime import date_of, day_of, instants
from gateway.store.keys import Lane

SEED = 2026
DAYS = 30
Kind = Literal["job", "contact", "command"]


class Place(Struct, frozen=True):
    """Where debtors live. `numbers` are made-up phone numbers less their last two digits; none where a country reserves
    none, and people are reached by email and push."""

    tenant: str
    creditor: str
    zone: str
    jurisdiction: str
    currency: str
    numbers: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    debtors: int


class Debtor(Struct, frozen=True):
    """Somebody who owes. `missed` is the local day on which they should have paid, counted back from the month's end;
    `paid`, `stop` and `calls` the day past due on which that happens, None if it does not; `pressed` is somebody whom
    too many accounts remind."""

    id: str
    name: str
    place: Place
    locale: str
    phone: str | None
    email: str
    token: str
    amount: int
    missed: int
    paid: int | None
    stop: tuple[int, str] | None
    calls: int | None
    pressed: bool
    accounts: int


class Event(Struct, frozen=True, order=True):
    """Something that comes in: a document, and the stream on which it comes."""

    at: Instant
    key: str
    kind: Kind
    lane: Lane
    body: bytes

    @property
    def stream(self) -> str:
        """The lane of a job, else the kind."""
        return self.lane if self.kind == "job" else self.kind


_EN = ("Alex", "Dana", "Sam", "Robin", "Casey", "Jamie", "Morgan", "Taylor", "Drew", "Quinn", "Harper", "Rowan")
_EN_FAMILY = ("Archer", "Baker", "Carter", "Draper", "Fisher", "Glover", "Hooper", "Mason", "Porter", "Sawyer")
_ZH = ("伟", "芳", "娜", "敏", "静", "磊", "洋", "婷", "勇", "艳", "杰", "丽")
_ZH_FAMILY = ("王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴")
_DE = ("Anna", "Jonas", "Lena", "Paul", "Mia", "Felix")
_DE_FAMILY = ("Becker", "Fischer", "Koch", "Richter", "Vogel")
_FR = ("Chloé", "Hugo", "Léa", "Louis", "Inès", "Jules")
_FR_FAMILY = ("Martin", "Petit", "Roux")
_BR = ("Ana", "Bruno", "Clara", "Davi", "Elisa", "Heitor")
_IN = ("Aarav", "Diya", "Kabir", "Meera", "Rohan", "Sana")


def _block(leading: str) -> tuple[str, ...]:
    return tuple(f"{leading}{digit}" for digit in range(10))


def _areas(*codes: int) -> tuple[str, ...]:
    """+1 NPA 555-01xx"""
    return tuple(f"+1{code}55501" for code in codes)


_EAST = _areas(212, 315, 516, 518, 585, 607, 631, 646, 716, 718, 845, 914, 917)
_MIDDLE = _areas(217, 309, 312, 314, 414, 608, 618, 630, 708, 773, 815, 847)
_WEST = _areas(209, 213, 310, 323, 408, 415, 510, 530, 559, 562, 619, 626, 650)

PLACES = (
    Place("cards-cn", "示例银行", "Asia/Shanghai", "CN", "CNY", _block("+861005555"), _ZH, _ZH_FAMILY, 80),
    Place("cards-us", "Example Bank", "America/New_York", "US", "USD", _EAST, _EN, _EN_FAMILY, 48),
    Place("cards-us", "Example Bank", "America/Chicago", "US", "USD", _MIDDLE, _EN, _EN_FAMILY, 32),
    Place("cards-us", "Example Bank", "America/Los_Angeles", "US", "USD", _WEST, _EN, _EN_FAMILY, 40),
    Place("loans-eu", "Example Credit", "Europe/London", "GB", "GBP", _block("+447700900"), _EN, _EN_FAMILY, 36),
    Place("loans-eu", "Example Credit", "Europe/Berlin", "DE", "EUR", _block("+493023125"), _DE, _DE_FAMILY, 24),
    Place(
        "loans-eu",
        "Example Credit",
        "Europe/Paris",
        "FR",
        "EUR",
        _block("+33639980"),
        _FR,
        _FR_FAMILY,
        16,
    ),
    Place("loans-apac", "Example Finance", "Asia/Kolkata", "IN", "INR", (), _IN, ("Iyer", "Rao", "Shah"), 28),
    Place("loans-apac", "Example Finance", "Australia/Sydney", "AU", "AUD", _block("+61255500"), _EN, _EN_FAMILY, 20),
    Place("loans-br", "Exemplo Financeira", "America/Sao_Paulo", "BR", "BRL", (), _BR, ("Alves", "Costa", "Dias"), 24),
)
_LADDER = (1, 3, 5, 8, 12, 16, 20, 25, 29)
"""days past due on which a reminder goes out"""
_FATES = (("04", 5), ("01", 3), ("05", 2), ("03", 1), ("02", 2), ("06", 1))
"""Last digits that mean something, and how many in a hundred bear them."""
_STOPS = (("opted_out", 5), ("dispute", 2), ("attorney", 1), ("hardship", 2))


def debtors(seed: int = SEED) -> list[Debtor]:
    """Everybody in the sample portfolios. Where there are too few made-up numbers, some have no telephone."""
    lots = random.Random(seed)
    found: list[Debtor] = []
    taken: set[str | None] = set()
    for place in PLACES:
        for _ in range(place.debtors):
            who = debtor(place, 1000 + len(found), lots)
            found.append(msgspec.structs.replace(who, phone=None) if who.phone in taken else who)
            taken.add(who.phone)
    return found


def debtor(place: Place, number: int, lots: random.Random) -> Debtor:
    """Somebody of that number."""
    chinese = place.jurisdiction == "CN"
    given, family = lots.choice(place.given), lots.choice(place.family)
    ends = _chosen(_FATES, lots) or str(lots.randint(10, 99))
    paid = lots.randint(2, 26) if lots.random() < 0.4 else None
    stop = _chosen(_STOPS, lots)
    pressed = lots.random() < 0.08
    return Debtor(
        id=f"cust-{number}", name=family + given if chinese else f"{given} {family}", place=place,
        locale="zh-CN" if chinese or lots.random() < 0.1 else "en", phone=_phone(place, number, ends),
        email=f"cust{number}x{ends}@example.com", token=f"demo-cust-{number}-{ends}", amount=lots.randint(45, 4200),
        missed=lots.randint(2, DAYS + 25), paid=paid, stop=(lots.randint(2, 20), stop) if stop else None,
        calls=lots.randint(8, 20) if lots.random() < 0.25 else None, pressed=pressed, accounts=3 if pressed else 1,
    )  # fmt: skip


def _phone(place: Place, number: int, ends: str) -> str | None:
    return f"{place.numbers[number % len(place.numbers)]}{ends}" if place.numbers else None


def _chosen(table: tuple[tuple[str, int], ...], lots: random.Random) -> str | None:
    """One word of a table whose figures are shares in a hundred, or none."""
    at = lots.random() * 100
    for word, share in table:
        if at < share:
            return word
        at -= share
    return None


def month(everybody: list[Debtor], end: Instant, seed: int = SEED) -> list[Event]:
    """What came in during the days before `end`, in order."""
    lots = random.Random(seed)
    return sorted(event for who in everybody for event in _events(who, end, lots) if end - DAYS * DAY <= event.at < end)


def _events(who: Debtor, end: Instant, lots: random.Random) -> Iterator[Event]:
    last = day_of(who.place.zone, end)
    due = last - who.missed
    for past in range(1, who.missed + 1):
        if who.paid is not None and past > who.paid:
            return
        day = due + past
        if past in _LADDER or (who.pressed and past % 2 == 0):
            for account in range(who.accounts):
                yield reminder(who, past, _morning(who, day, lots), account)
        if who.calls is not None and past >= who.calls and past % 3 == 0:
            yield _call(who, past, _morning(who, day, lots) + 3 * HOUR, lots)
        if past == who.paid:
            yield _command(who, "cancel", _morning(who, day, lots) + 5 * HOUR, {"account": _account(who, 0)})
        if who.stop is not None and past == who.stop[0]:
            yield _command(who, "stop", _morning(who, day, lots) + 6 * HOUR, {"reason": who.stop[1]})


def _morning(who: Debtor, day: int, lots: random.Random) -> Instant:
    """When the collection system of a tenant runs: at half past six, or for every fifth in the evening, so that much of
    what it brings has to wait."""
    at = 21 * HOUR + 30 * MINUTE if lots.random() < 0.2 else 6 * HOUR + 30 * MINUTE
    return next(instants(who.place.zone, day * DAY + at, day * DAY + at + HOUR))[0]


def reminder(who: Debtor, past: int, at: Instant, account: int = 0) -> Event:
    """A reminder so many days past due."""
    document = {
        "id": f"{_account(who, account)}:dpd{past}", "tenant": who.place.tenant, "template": _template(past),
        "channels": _channels(who, past), "recipient": _recipient(who), "account": _account(who, account),
        "params": _params(who, past, at), "expires_at": format_instant(at + 3 * DAY),
        "metadata": {"campaign": f"dpd{past}"},
    }  # fmt: skip
    lane: Lane = "high" if past >= 25 else "bulk" if past < 5 else "normal"
    return _event(at, "job", document, lane)


def _template(past: int) -> str:
    return "final_notice" if past >= 25 else "payment_plan_offer" if past in (12, 16) else "overdue_reminder"


def _channels(who: Debtor, past: int) -> list[Channel]:
    if who.phone is None:
        return ["email", "push"] if past % 2 else ["push", "email"]
    if who.calls is not None and past == 16:
        return ["call"]
    return ["sms", "email"] if past % 3 else ["push", "sms", "email"]


def _recipient(who: Debtor) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": who.id, "locale": who.locale, "jurisdiction": who.place.jurisdiction, "time_zone": who.place.zone,
        "email": who.email, "push": [{"provider": "fcm", "token": who.token}],
    }  # fmt: skip
    return found | ({"phone": who.phone} if who.phone else {})


def _params(who: Debtor, past: int, at: Instant) -> dict[str, Any]:
    today = day_of(who.place.zone, at)
    chinese = who.locale == "zh-CN"
    return {
        "name": who.name, "creditor": who.place.creditor, "days_overdue": past,
        "amount_due": {"value": f"{who.amount}.00", "currency": who.place.currency},
        "due_date": date_of(today - past).isoformat(), "respond_by": date_of(today + 14).isoformat(),
        "instalment_count": 6,
        "instalment_amount": {"value": f"{who.amount / 6:.2f}", "currency": who.place.currency},
        "contact_phone": "400-555-0100" if chinese else "800-555-0100",
    }  # fmt: skip


def _call(who: Debtor, past: int, at: Instant, lots: random.Random) -> Event:
    """What an agent did by telephone."""
    event = lots.choice(("unanswered", "unanswered", "voicemail", "conversation"))
    document = {
        "id": f"call-{who.id}-{past}", "tenant": who.place.tenant, "recipient_id": who.id,
        "account": _account(who, 0), "channel": "call", "event": event, "direction": "outbound",
        "at": format_instant(at), "collector": "agency-a",
    }  # fmt: skip
    return _event(at, "contact", document)


def _command(who: Debtor, type_: str, at: Instant, given: dict[str, Any]) -> Event:
    document = {
        "type": type_, "id": f"{type_}-{who.id}", "tenant": who.place.tenant, "recipient_id": who.id,
        "at": format_instant(at), "by": "core-banking" if type_ == "cancel" else "agency-a", **given,
    }  # fmt: skip
    if type_ == "cancel":
        del document["recipient_id"]
    return _event(at, "command", document)


def _event(at: Instant, kind: Kind, document: dict[str, Any], lane: Lane = "normal") -> Event:
    return Event(at, str(document["id"]), kind, lane, msgspec.json.encode(document))


def _account(who: Debtor, number: int) -> str:
    return f"card-{who.id[5:]}" + ("" if number == 0 else f"-{number + 1}")
