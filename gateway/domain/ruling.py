"""What a judgement says: may it go now, if not when, and which rules say so with their figures and legal source."""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from gateway.domain.clock import Instant

Decision = Literal["allow", "defer", "deny"]
Otherwise = Literal["defer", "drop", "next_channel", "approve", "warn"]


class Finding(Struct, frozen=True, kw_only=True):
    """One rule weighed at one moment. `until` is the first instant at which this rule alone no longer blocks, None if
    there is none within the horizon. `figures` are what the rule counted or compared, ready for JSON."""

    rule: str
    pack: str
    """`code@version` of the pack that the rule stands in."""
    kind: str
    source: str
    status: str
    force: str
    blocks: bool
    until: Instant | None
    otherwise: Otherwise
    code: str
    """The receipt's word for it: `quiet_hours`, `holiday`, `limit`, `opted_out`, `stopped` …"""
    figures: dict[str, Any]


class Ruling(Struct, frozen=True, kw_only=True):
    """`earliest` is the first instant (whole seconds) at which no rule blocks, history unchanged: the moment judged
    when the decision is `allow`, None when it is `deny`. `closes` is the first later instant at which a rule blocks
    again, None if none does within the horizon. `findings` are the rules that block, in the order of the rules; never
    only the first."""

    decision: Decision
    earliest: Instant | None
    closes: Instant | None
    findings: tuple[Finding, ...] = ()

    @property
    def blocked_by(self) -> list[str]:
        return [finding.rule for finding in self.findings if finding.blocks]


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The contact that is to be judged. `address` is a digest; of what is kept, `params` are those that rules select
    by."""

    channel: str
    purpose: str = "collection"
    role: str = "creditor"
    recipient: str | None = None
    account: str | None = None
    address: str | None = None
    household: str | None = None
    creditor: str | None = None
    collector: str | None = None
    flags: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


class Weighed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One channel as it was weighed, small enough to be kept with the job: the contact that was judged, what was
    decided, and the rules that stood against it."""

    candidate: Candidate
    decision: Decision
    until: Instant | None = None
    blocked_by: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()


class Look(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The latest look at a track that came as far as the rules: when, by what, for a person where, and per channel what
    they said. `policy` lists `code@version` of every pack, `tzdata` the release of the zone data."""

    at: Instant
    policy: str
    tzdata: str
    zones: tuple[str, ...]
    jurisdictions: tuple[str, ...]
    inferred: Mapping[str, str] = {}
    weighed: list[Weighed] = field(default_factory=list)
