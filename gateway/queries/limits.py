"""How much of a person's limits is used now, and when each channel may be used again: asked of the judge itself.

The person's place is that of the newest job that was judged; the facts are those of the ledger.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import DAY, SECOND, Instant, format_instant, parse_instant
from gateway.domain.ruling import Finding, Look
from gateway.ledger.subjects import Subject
from gateway.ledger.tables import jobs
from gateway.pipeline.errand import read_record
from gateway.pipeline.files import facts_of
from gateway.policy.facts import Candidate, Case
from gateway.policy.judge import judge, knows_time, weigh
from gateway.policy.policy import Policy
from gateway.policy.rules.base import Rule
from gateway.policy.rules.cap import Cap
from gateway.policy.rules.counting import Counting
from gateway.policy.within import Unit
from gateway.queries.concerns import unconcerned
from gateway.queries.decide import decide
from gateway.queries.kept_cases import NOBODY, Known, known_of

NEWEST = 50
"""jobs among which the person's channels are looked for"""
HOURS = ("window", "blackout")
"""kinds whose answer depends on nothing but the time"""
FURTHEST_BACK = 62 * DAY
"""So far back closed hours are told of at most: further back nobody could tell one from the next."""
_EVER = 1 << 62
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Counted(Struct, frozen=True, kw_only=True):
    """One contact that a limit counts."""

    at: str
    channel: str
    event: str
    account: str | None


class Limit(Struct, frozen=True, kw_only=True):
    """One rule that counts contacts, as it stands now for the channels whose contacts it counts together, and for one
    account where it counts for each. `most` is null where it only asks for a distance. `unit` and `size` are the time
    that it looks back over: seconds where `rolling`, else local dates, or a calendar `day`, `week` or `month`; `since`
    is where that begins. `frees_at` is when it lets the next one through, null if it does already, or if nobody knows
    when."""

    rule: str
    pack: str
    source: str
    channels: list[str]
    account: str | None
    used: int
    most: int | None
    within: str
    unit: Unit
    size: int
    since: str
    blocks: bool
    frees_at: str | None
    counted: list[Counted]


class Closed(Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """A time in which the hours of some rule are closed: quiet hours, a holiday, a blackout."""

    first: str
    last: str


class Prospect(Struct, frozen=True, kw_only=True):
    """What would be decided of a reminder by a channel now, by all rules; `earliest` is null for never. `closed` are
    the times closed to it, from where the limits begin to look until a day from now, or until one frees."""

    channel: str
    decision: str
    earliest: str | None
    blocked_by: list[str]
    closed: list[Closed]


class Outlook(Struct, frozen=True, kw_only=True):
    """A person's limits and channels now, by the packs in force at their place."""

    zones: list[str]
    jurisdictions: list[str]
    limits: list[Limit]
    channels: list[Prospect]


async def outlook(
    books: Books, subject: Subject, tenant: str, name: str, policy: Policy, now: Instant
) -> Outlook | None:
    """None of somebody of whom no job was judged. Raises SQLAlchemyError, KeyringError."""
    async with books.ledger.read() as connection:
        chosen = select(jobs.c.sealed, jobs.c.job, jobs.c.subject).where(jobs.c.subject == subject.uid)
        rows = list(await connection.execute(chosen.order_by(jobs.c.updated.desc()).limit(NEWEST)))
        known = await known_of(books, connection, "person", tenant, name)
        looks = [look for row in rows for look in _looks(row, subject)]
        if not looks:
            return None
        asked = _asked(looks)
        homes = {candidate.household for candidate in asked} - {None}
        houses = {home: await known_of(books, connection, "household", tenant, str(home)) for home in homes}
    return judged(policy, looks[0], asked, known or NOBODY, houses, now)


def _looks(row: Any, subject: Subject) -> list[Look]:
    if row.sealed is None or subject.sealer is None:
        return []
    kept = _any.decode(subject.sealer.open(bytes(row.sealed), "jobs", row.subject, row.job))
    return [track.look for track in read_record(kept["record"]).tracks if track.look is not None]


def _asked(looks: Sequence[Look]) -> list[Candidate]:
    """Every contact of another kind that was wanted (channel, account, address …), the newest first."""
    found: dict[bytes, Candidate] = {}
    for look in sorted(looks, key=lambda look: -look.at):
        for weighed in look.weighed:
            found.setdefault(msgspec.json.encode(weighed.candidate), weighed.candidate)
    return list(found.values())


def judged(
    policy: Policy, look: Look, asked: Sequence[Candidate], known: Known, houses: dict[Any, Known | None], now: Instant
) -> Outlook:  # fmt: skip
    """Every contact judged by these rules at this moment; of a channel the first is told. Pure."""
    limits: dict[tuple[Any, ...], Limit] = {}
    newest: dict[str, Case] = {}
    for candidate in asked:
        house = houses.get(candidate.household)
        history, states = facts_of(known.as_of(_EVER, now), house.as_of(_EVER, now) if house else None, now)
        case = Case(candidate=candidate, zones=look.zones, history=history, states=states, inferred=look.inferred)
        newest.setdefault(candidate.channel, case)
        for rule in policy.rules_on(look.jurisdictions, candidate):
            if isinstance(rule, Counting) and unconcerned(rule, case, now) is None:
                _add(limits, rule, case, now)
    found = sorted(limits.values(), key=lambda limit: not limit.blocks)
    first = min((parse_instant(limit.since) for limit in found), default=now - DAY)
    last = max((parse_instant(limit.frees_at) for limit in found if limit.frees_at), default=now)
    span = max(first, now - FURTHEST_BACK), max(last, now + DAY)
    return Outlook(
        zones=list(look.zones), jurisdictions=list(look.jurisdictions), limits=found,
        channels=[_prospect(policy, look, case, now, span) for case in newest.values()],
    )  # fmt: skip


def _add(limits: dict[tuple[Any, ...], Limit], rule: Counting, case: Case, now: Instant) -> None:
    """What a rule counts for several channels stands there once, what it counts for each of them for each."""
    candidate, scope = case.candidate, rule.tally.scope
    key = (rule.pack, rule.id, *[getattr(candidate, name) for name in scope])
    same = limits.get(key)
    if same is None:
        [finding] = weigh([rule], case, now)
        limits[key] = _limit(rule, finding, case, now)
    elif candidate.channel not in same.channels:
        limits[key] = msgspec.structs.replace(same, channels=[*same.channels, candidate.channel])


def _limit(rule: Counting, finding: Finding, case: Case, now: Instant) -> Limit:
    figures, within = finding.figures, rule.within
    since = min((within.since(name, now) for name in rule.zones(case)), default=now)
    return Limit(
        rule=finding.rule, pack=finding.pack, source=finding.source, blocks=finding.blocks,
        channels=[case.candidate.channel], account=case.candidate.account if "account" in rule.tally.scope else None,
        used=figures["counted"], most=rule.max if isinstance(rule, Cap) else None, within=figures["within"],
        unit=within.unit, size=within.size // SECOND if within.unit == "rolling" else within.size,
        since=format_instant(since),
        frees_at=None if finding.until is None or finding.until <= now else format_instant(finding.until),
        counted=[
            Counted(at=past["at"], channel=past["channel"], event=past["event"], account=past.get("account"))
            for past in figures["contacts"]
        ],
    )  # fmt: skip


def _prospect(policy: Policy, look: Look, case: Case, now: Instant, span: tuple[Instant, Instant]) -> Prospect:
    ruled = decide(policy, look.jurisdictions, case, now)
    hours = [rule for rule in policy.rules_on(look.jurisdictions, case.candidate) if rule.kind in HOURS]
    return Prospect(
        channel=case.candidate.channel, decision=ruled.decision, blocked_by=list(ruled.blocked_by),
        earliest=None if ruled.earliest is None else format_instant(ruled.earliest),
        closed=[Closed(first=format_instant(start), last=format_instant(end))
                for start, end in _closed(hours, case, *span)],
    )  # fmt: skip


def _closed(hours: Sequence[Rule], case: Case, at: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
    """When the judge says no because of these rules, leaping from one of its answers to the next. Nothing is told of
    somebody whose time nobody knows: to them it is always closed."""
    while at < end and knows_time(case):
        ruling = judge(hours, case, at)
        if ruling.decision == "allow":
            at = end if ruling.closes is None else ruling.closes
            continue
        opens = end if ruling.earliest is None else min(ruling.earliest, end)
        yield at, opens
        at = opens
