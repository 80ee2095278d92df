"""The people of `gateway demo` and what happens to them: made-up debtors around the world, and a job for each.

At any hour it is day for some of them and night for others. Which of them meets with which mishap is therefore dealt
out when the demo starts: what must be sent goes to people for whom it is day. Their numbers are reserved for fiction
(+1 NPA 555-01xx, +44 7700 900xxx, +61 2 5550 xxxx, +49 30 23125 xxx, +33 6 39 98 xx xx) or cannot be (+86 100 5555
xxxx); where a country has none to offer, people are reached by email and push alone.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from channels.contract import Channel
from gateway.domain.clock import DAY, HOUR, MINUTE, Instant, format_instant
from gateway.domain.walltime import date_of, day_of, wall
from gateway.store.keys import Lane

TENANT = "demo"
MORNING, EVENING, NIGHT, DAWN = 8 * HOUR, 20 * HOUR + 45 * MINUTE, 21 * HOUR, 6 * HOUR + 30 * MINUTE
"""Of the local day. Between morning and evening every rule's hours are open, also a while later; between night and dawn
they are closed, also a while later."""
CAPPED = 5
"""reminders to one person on one day; house.daily allows three"""


class Person(Struct, frozen=True):
    """`number` is the phone number less its last two digits, `latin` the part of the email address before the @."""

    name: str
    latin: str
    locale: str
    city: str
    zone: str
    jurisdiction: str
    currency: str
    number: str | None


class Story(Struct, frozen=True, kw_only=True):
    """What befalls somebody. `ending` are the digits that the sandbox plays by, on the first of the channels (under
    `all` on none); `rests` is the status without an end at which nothing more is heard."""

    note: str = ""
    channels: tuple[Channel, ...]
    ending: str | None = None
    strategy: str = "first"
    rests: str | None = None
    flags: tuple[str, ...] = ()
    template: str = "overdue_reminder"
    lacks: str | None = None
    ends_in: int | None = None
    """ms from now until `expires_at`"""
    times: int = 1

    @property
    def phone(self) -> bool:
        return "sms" in self.channels or "call" in self.channels


class Sample(Struct, frozen=True):
    """One job to enqueue."""

    id: str
    person: Person
    story: Story
    note: str
    lane: Lane
    doc: bytes


class Portfolio(Struct, frozen=True):
    """`samples` are the jobs, `again` one of them that is enqueued a second time, `broken` a document that nobody can
    read; `commands` come before all of them. `awake` and `asleep` count people."""

    awake: int
    asleep: int
    samples: list[Sample]
    again: Sample
    broken: bytes
    commands: list[bytes]


def _people(place: str, *who: tuple[str, str]) -> list[Person]:
    city, zone, jurisdiction, currency, number = place.split("|")
    return [
        Person(
            name, latin, "en" if name.isascii() else "zh-CN", city, zone, jurisdiction, currency,
            number or None,
        )
        for name, latin in who
    ]  # fmt: skip


PEOPLE: tuple[Person, ...] = (
    *_people(
        "Shanghai|Asia/Shanghai|CN|CNY|+86100555501",
        ("李雷", "lilei"), ("韩梅梅", "hanmeimei"), ("王小明", "wangxiaoming"), ("Ann Doe", "ann"),
        ("张三", "zhangsan"), ("李四", "lisi"), ("王五", "wangwu"), ("赵六", "zhaoliu"),
    ),
    *_people(
        "New York|America/New_York|US|USD|+121255501",
        ("Ben Roe", "ben"), ("陈小红", "chenxiaohong"), ("Cat Poe", "cat"), ("Dan Coe", "dan"), ("孙小鹿", "sunxiaolu"),
        ("Eve Moe", "eve"),
    ),
    *_people(
        "Los Angeles|America/Los_Angeles|US|USD|+121355501",
        ("Fay Doe", "fay"), ("周小鱼", "zhouxiaoyu"), ("Gus Roe", "gus"), ("吴小山", "wuxiaoshan"),
    ),
    *_people(
        "Honolulu|Pacific/Honolulu|US|USD|+180855501",
        ("Hal Poe", "hal"), ("郑小海", "zhengxiaohai"), ("Ida Coe", "ida"),
    ),
    *_people(
        "London|Europe/London|GB|GBP|+4477009001",
        ("Jan Moe", "jan"), ("冯小雨", "fengxiaoyu"), ("Kim Doe", "kim"), ("Lou Roe", "lou"), ("褚小雪", "chuxiaoxue"),
    ),
    *_people(
        "Berlin|Europe/Berlin|DE|EUR|+4930231251",
        ("Max Poe", "max"), ("卫小风", "weixiaofeng"), ("Nia Coe", "nia"),
    ),
    *_people("Paris|Europe/Paris|FR|EUR|+336399801", ("Zoe Roe", "zoe"), ("尤小溪", "youxiaoxi")),
    *_people(
        "Sydney|Australia/Sydney|AU|AUD|+612555001",
        ("Oli Moe", "oli"), ("蒋小云", "jiangxiaoyun"), ("Pam Doe", "pam"),
    ),
    *_people("Auckland|Pacific/Auckland|NZ|NZD|", ("Ray Roe", "ray"), ("沈小星", "shenxiaoxing")),
    *_people("Singapore|Asia/Singapore|SG|SGD|", ("韩小月", "hanxiaoyue"), ("Sue Poe", "sue")),
    *_people("Mumbai|Asia/Kolkata|IN|INR|", ("Tom Coe", "tom"), ("杨小光", "yangxiaoguang")),
    *_people("Dubai|Asia/Dubai|AE|AED|", ("Uma Moe", "uma"), ("朱小路", "zhuxiaolu")),
    *_people("São Paulo|America/Sao_Paulo|BR|BRL|", ("Vic Doe", "vic"), ("秦小桥", "qinxiaoqiao")),
)  # fmt: skip

BY_DAY: tuple[Story, ...] = (
    Story(note="number ends in 01: no such number", channels=("sms", "email"), ending="01"),
    Story(note="number ends in 02: busy at the first try", channels=("sms",), ending="02"),
    Story(note="number ends in 03", channels=("sms",), ending="03", rests="in_doubt"),
    Story(note="number ends in 04: taken, not delivered", channels=("sms", "email"), ending="04"),
    Story(note="number ends in 05: no report comes", channels=("sms",), ending="05", rests="sent"),
    Story(note="token ends in 07: in doubt, then reported", channels=("push",), ending="07"),
    Story(note="number ends in 08: down at every try", channels=("sms", "push"), ending="08"),
    Story(note="address ends in 01, no other channel", channels=("email",), ending="01"),
    Story(note="address ends in 04, no other channel", channels=("email",), ending="04"),
    Story(note="strategy all: each channel on its own", channels=("sms", "email", "push"), strategy="all"),
    Story(note="a task on gateway:calls", channels=("call",)),
    Story(channels=("sms",), times=CAPPED),
)
STOPPED = Story(note="said STOP a minute ago", channels=("sms", "email"))
BY_NIGHT: tuple[Story, ...] = (
    STOPPED,
    Story(note="ends in 30 minutes", channels=("sms",), ends_in=30 * MINUTE),
    Story(channels=("email",), lacks="due_date"),
)
ANSWERED = Story(
    note="asked for it (flag response)", channels=("email",), flags=("response",), template="payment_plan_offer"
)
"""Only the house's hours give way to it, so it is told of somebody for whom no others hold."""
_NO_NUMBER = (Story(channels=("email", "push")), Story(channels=("push", "email")))
_NUMBER = (Story(channels=("sms", "email")), Story(channels=("email", "sms")), Story(channels=("push", "sms")))
PLAIN: tuple[Story, ...] = (*_NUMBER, *_NO_NUMBER)
LANES: tuple[Lane, ...] = ("normal", "normal", "high", "bulk")


def deal(now: Instant) -> Portfolio:
    """Who gets which reminder, if the demo starts now."""
    left = list(PEOPLE)
    dealt: list[tuple[Person, Story]] = []
    awake = [person for person in PEOPLE if MORNING <= _of_day(person, now) < EVENING]
    asleep = [person for person in PEOPLE if not DAWN <= _of_day(person, now) < NIGHT]
    elsewhere = [person for person in asleep if person.jurisdiction != "CN"]
    for stories, pool in ((BY_DAY, awake), (BY_NIGHT, asleep), ((ANSWERED,), elsewhere)):
        for number, story in enumerate(stories):
            person = _pick([one for one in pool if one in left], story, "zh-CN" if number % 2 else "en")
            if person is not None:  # tests/cli/test_portfolio.py proves that it never is, whatever the hour
                left.remove(person)
                dealt.append((person, story))
    dealt += [(person, _plain(number, person)) for number, person in enumerate(left)]
    # In the order of the people, so that neither the languages nor the mishaps stand in a heap.
    dealt.sort(key=lambda pair: PEOPLE.index(pair[0]))
    samples = [sample for person, story in dealt for sample in _samples(person, story, now)]
    stopped = next((person for person, story in dealt if story is STOPPED), None)
    again = next(sample for sample in samples if sample.story in PLAIN and sample.person in awake)
    commands = [_stop(stopped, now)] if stopped else []
    return Portfolio(len(awake), len(PEOPLE) - len(awake), samples, again, _broken(now), commands)


def _pick(pool: Sequence[Person], story: Story, locale: str) -> Person | None:
    """Who can be reached that way, best somebody who reads that language."""
    able = [person for person in pool if person.number or not story.phone]
    # Those without a number are kept for what needs none.
    able.sort(key=lambda person: (story.phone or person.number is not None, person.locale != locale))
    return able[0] if able else None


def _plain(number: int, person: Person) -> Story:
    patterns = _NUMBER if person.number else _NO_NUMBER
    return patterns[number % len(patterns)]


def _samples(person: Person, story: Story, now: Instant) -> list[Sample]:
    made = []
    for turn in range(1, story.times + 1):
        name = f"{person.latin}-{turn}"
        note = story.note or (f"reminder {turn} of {story.times} on one day" if story.times > 1 else "")
        lane = LANES[PEOPLE.index(person) % len(LANES)]
        made.append(Sample(name, person, story, note, lane, msgspec.json.encode(_document(person, story, name, now))))
    return made


def _document(person: Person, story: Story, name: str, now: Instant) -> dict[str, Any]:
    """A Reminder of the contract."""
    document: dict[str, Any] = {
        "id": name,
        "tenant": TENANT,
        "template": story.template,
        "channels": story.channels,
        "strategy": story.strategy,
        "recipient": _recipient(person, story),
        "account": f"card-{name}",
        "params": {key: value for key, value in _params(person, now).items() if key != story.lacks},
        "flags": story.flags,
        "metadata": {"campaign": "demo"},
    }
    if story.ends_in is not None:
        document["expires_at"] = format_instant(now + story.ends_in)
    return document


def _recipient(person: Person, story: Story) -> dict[str, Any]:
    """The person with addresses whose last digits make the story happen; the others end in digits without meaning."""
    usual = str(10 + PEOPLE.index(person))
    first = "all" if story.strategy == "all" else story.channels[0]

    def digits(channel: Channel) -> str:
        return story.ending if story.ending and channel == first else usual

    found: dict[str, Any] = {
        "id": person.latin,
        "locale": person.locale,
        "jurisdiction": person.jurisdiction,
        "time_zone": person.zone,
        "email": f"{person.latin}{digits('email')}@example.com",
        "push": [{"provider": "fcm", "token": f"demo-{person.latin}-{digits('push')}"}],
    }
    if person.number:
        found["phone"] = person.number + digits("sms")
    return found


def _params(person: Person, now: Instant) -> dict[str, Any]:
    """What every template needs; one that needs less leaves the rest."""
    chinese = person.locale == "zh-CN"
    number = PEOPLE.index(person)
    today, overdue = day_of(person.zone, now), number % 9 + 1
    return {
        "name": person.name,
        "creditor": "示例银行" if chinese else "Example Bank",
        "amount_due": {"value": f"{180 + 137 * number}.{number:02d}", "currency": person.currency},
        "due_date": date_of(today - overdue).isoformat(),
        "days_overdue": overdue,
        "respond_by": date_of(today + 14).isoformat(),
        "instalment_count": 6,
        "instalment_amount": {"value": f"{(180 + 137 * number) / 6:.2f}", "currency": person.currency},
        "contact_phone": "400-555-0100" if chinese else "800-555-0100",
    }


def _broken(now: Instant) -> bytes:
    """A document with a number that nobody can dial."""
    person, story = PEOPLE[0], Story(channels=("sms",))
    document = _document(person, story, "broken-1", now)
    document["recipient"]["phone"] = "021 5555 0100"
    return msgspec.json.encode(document)


def _stop(person: Person, now: Instant) -> bytes:
    command = {
        "type": "stop", "id": f"stop-{person.latin}", "tenant": TENANT, "recipient_id": person.latin,
        "reason": "opted_out", "at": format_instant(now - MINUTE), "by": person.latin,
    }  # fmt: skip
    return msgspec.json.encode(command)


def _of_day(person: Person, now: Instant) -> int:
    """Milliseconds since midnight on the person's clock."""
    return wall(person.zone, now) % DAY
