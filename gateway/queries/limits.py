"""How much of a person's limits is used now, and when each channel may be used again: asked of the judge itself.

The person's place is that of the newest job that was judged; the facts are those of the ledger.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import DAY, Instant, format_instant
from gateway.domain.ruling import Finding, Look
from gateway.domain.walltime import day_of, day_start
from gateway.ledger.subjects import Subject
from gateway.ledger.tables import jobs
from gateway.pipeline.errand import read_record
from gateway.pipeline.files import facts_of
from gateway.policy.facts import Candidate, Case
from gateway.policy.judge import weigh
from gateway.policy.policy import Policy
from gateway.queries.decide import decide
from gateway.queries.kept_cases import NOBODY, Known, known_of

NEWEST = 50
"""jobs among which the person's channels are looked for"""
COUNTING = ("cap", "cooloff", "spacing")
_EVER = 1 << 62
_ROLLING = re.compile(r"PT(\d+)S rolling")
_DAYS = re.compile(r"(\d+) local dates")
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Counted(Struct, frozen=True, kw_only=True):
    """One contact that a limit counts."""

    at: str
    channel: str
    event: str
    account: str | None


class Limit(Struct, frozen=True, kw_only=True):
    """One rule that counts contacts, as it stands for some channels now. `most` is null where it only asks for a
    distance; `since` is where what it counts begins; `frees_at` is when it lets the next one through, null if it does
    already, or if nobody knows when."""

    rule: str
    pack: str
    source: str
    channels: list[str]
    used: int
    most: int | None
    within: str
    since: str
    blocks: bool
    frees_at: str | None
    counted: list[Counted]


class Prospect(Struct, frozen=True, kw_only=True):
    """What would be decided of a reminder by a channel now, by all rules; `earliest` is null for never."""

    channel: str
    decision: str
    earliest: str | None
    blocked_by: list[str]


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
        homes = {candidate.household for candidate in asked.values()} - {None}
        houses = {home: await known_of(books, connection, "household", tenant, str(home)) for home in homes}
    return judged(policy, looks[0], asked, known or NOBODY, houses, now)


def _looks(row: Any, subject: Subject) -> list[Look]:
    if row.sealed is None or subject.sealer is None:
        return []
    kept = _any.decode(subject.sealer.open(bytes(row.sealed), "jobs", row.subject, row.job))
    return [track.look for track in read_record(kept["record"]).tracks if track.look is not None]


def _asked(looks: Sequence[Look]) -> dict[str, Candidate]:
    """For each channel the newest contact that was wanted."""
    found: dict[str, Candidate] = {}
    for look in sorted(looks, key=lambda look: -look.at):
        for weighed in look.weighed:
            found.setdefault(weighed.candidate.channel, weighed.candidate)
    return found


def judged(
    policy: Policy, look: Look, asked: dict[str, Candidate], known: Known, houses: dict[Any, Known | None], now: Instant
) -> Outlook:  # fmt: skip
    """Every channel judged by these rules at this moment. Pure."""
    limits: dict[str, Limit] = {}
    channels = []
    for channel, candidate in asked.items():
        house = houses.get(candidate.household)
        history, states = facts_of(known.as_of(_EVER, now), house.as_of(_EVER, now) if house else None, now)
        case = Case(candidate=candidate, zones=look.zones, history=history, states=states, inferred=look.inferred)
        for finding in weigh(policy.rules_on(look.jurisdictions, candidate), case, now):
            if finding.kind in COUNTING:
                _add(limits, finding, channel, look.zones, now)
        ruled = decide(policy, look.jurisdictions, case, now)
        earliest = None if ruled.earliest is None else format_instant(ruled.earliest)
        channels.append(Prospect(
            channel=channel, decision=ruled.decision, earliest=earliest, blocked_by=list(ruled.blocked_by)
        ))  # fmt: skip
    return Outlook(
        zones=list(look.zones), jurisdictions=list(look.jurisdictions), limits=list(limits.values()), channels=channels
    )  # fmt: skip


def _add(limits: dict[str, Limit], finding: Finding, channel: str, zones: Sequence[str], now: Instant) -> None:
    """A rule that counts the same for several channels stands there once."""
    figures = finding.figures
    limit = Limit(
        rule=finding.rule, pack=finding.pack, source=finding.source, channels=[channel], blocks=finding.blocks,
        used=figures["counted"], most=figures.get("max"), within=figures["within"],
        since=format_instant(_since(figures["within"], zones, now)),
        frees_at=None if finding.until is None or finding.until <= now else format_instant(finding.until),
        counted=[
            Counted(at=past["at"], channel=past["channel"], event=past["event"], account=past.get("account"))
            for past in figures["contacts"]
        ],
    )  # fmt: skip
    same = limits.get(finding.rule)
    if same is None or (limit.used, limit.frees_at) > (same.used, same.frees_at or ""):
        limits[finding.rule] = limit
    if same is not None and channel not in same.channels:
        limits[finding.rule] = msgspec.structs.replace(limits[finding.rule], channels=[*same.channels, channel])


def _since(within: str, zones: Sequence[str], now: Instant) -> Instant:
    """Where a time that reaches back from now begins, in the first of the person's zones."""
    if found := _ROLLING.fullmatch(within):
        return now - int(found[1]) * 1000
    if not zones:
        return now - DAY
    today = day_of(zones[0], now)
    if found := _DAYS.fullmatch(within):
        return day_start(zones[0], today - int(found[1]) + 1)
    back = {"day": 0, "month": 31}.get(within, 7)
    return day_start(zones[0], today - back)
