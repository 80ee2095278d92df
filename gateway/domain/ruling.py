"""What a judgement says: may it go now, if not when, and which rules say so with their figures and legal source."""

from typing import Any, Literal

from msgspec import Struct

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
