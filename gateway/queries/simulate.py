"""Judges recorded cases by another policy and counts what would have been different: before anybody approves it.

A case is first judged again by the packs that judged it then. Where that does not give what was recorded (a stop lifted
since, a message whose text decided), a difference would say nothing about the new policy, so it is told apart.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct, field

from gateway.domain.clock import Instant, format_instant, tzdata_release
from gateway.policy.policy import Policy
from gateway.queries.decide import Decided, decide
from gateway.queries.packs import Shelf
from gateway.queries.recorded import Recorded, read_line

Effect = Literal["blocked", "sent", "later", "earlier", "unchanged"]
EFFECTS: tuple[Effect, ...] = ("blocked", "sent", "later", "earlier", "unchanged")
"""sent → would be blocked; blocked → would be sent; later or never instead of a time; earlier, or at a time at all;
no difference"""
_FAR: Instant = 2**62


class Sample(Struct, kw_only=True):
    """One case, named so that `gateway explain` finds it."""

    job_id: str
    tenant: str
    recipient: str | None
    channel: str
    at: str
    was: dict[str, Any]
    would_be: dict[str, Any]


class Tally(Struct, kw_only=True):
    """What was counted; two of them add up. `rules` are (rule, `newly` or `no_longer`), `places` (jurisdiction,
    channel, effect). `unproven` cases are compared although the packs that judged them are not at hand."""

    read: int = 0
    too_old: int = 0
    effects: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    irreproducible: int = 0
    unproven: int = 0
    other_rules: int = 0
    """unchanged, but for other reasons"""
    other_zone_data: int = 0
    absent: Counter[str] = field(default_factory=Counter)
    """packs that judged and of which the new policy has none"""
    faults: list[tuple[int, str]] = field(default_factory=list)
    """line number and sentence"""

    def add(self, other: "Tally", samples: int) -> None:
        for name in ("read", "too_old", "irreproducible", "unproven", "other_rules", "other_zone_data"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("effects", "rules", "places", "absent"):
            getattr(self, name).update(getattr(other, name))
        for effect, found in other.samples.items():
            kept = self.samples.setdefault(effect, [])
            kept += found[: samples - len(kept)]
        self.faults += other.faults


class Bench(Struct, frozen=True, kw_only=True):
    """What cases are judged on: the new policy, the packs that judged, since when (None: ever), samples to keep."""

    policy: Policy
    shelf: Shelf
    since: Instant | None
    samples: int

    def judge_lines(self, first: int, lines: Sequence[bytes]) -> Tally:
        """Lines of a file, the first of which has the number `first`. A line that is no case is a fault."""
        tally = Tally()
        for number, line in enumerate(lines, first):
            if not line.strip():
                continue
            try:
                recorded = read_line(line)
                if self.since is not None and recorded.at < self.since:
                    tally.too_old += 1
                else:
                    self.judge(recorded, tally)
            except (ValueError, OverflowError) as error:
                tally.faults.append((number, " ".join(str(error).split())))
        return tally

    def judge(self, recorded: Recorded, tally: Tally) -> None:
        """Adds one case to the tally."""
        case, at, was = recorded.case, recorded.at, recorded.decided
        made = self.shelf.policy(recorded.policy)
        proven = not made.missing
        same = not proven or decide(made.policy, recorded.jurisdictions, case, at) == was
        would = decide(self.policy, recorded.jurisdictions, case, at)
        tally.read += 1
        tally.other_zone_data += recorded.tzdata != tzdata_release()
        codes = [label.partition("@")[0] for label in recorded.policy.split(",") if label]
        tally.absent.update(code for code in codes if code not in self.policy.packs)
        if not same:
            tally.irreproducible += 1
            self._sample(tally, "irreproducible", recorded, decide(made.policy, recorded.jurisdictions, case, at))
            return
        tally.unproven += not proven
        self._count(tally, recorded, was, would)

    def _count(self, tally: Tally, recorded: Recorded, was: Decided, would: Decided) -> None:
        effect = effect_of(was, would)
        tally.effects[effect] += 1
        tally.rules.update((rule, "newly") for rule in would.blocked_by if rule not in was.blocked_by)
        tally.rules.update((rule, "no_longer") for rule in was.blocked_by if rule not in would.blocked_by)
        tally.places[(recorded.jurisdictions or ("",))[0], recorded.candidate.channel, effect] += 1
        if effect != "unchanged":
            self._sample(tally, effect, recorded, would)
        elif set(was.blocked_by) != set(would.blocked_by):
            tally.other_rules += 1

    def _sample(self, tally: Tally, effect: str, recorded: Recorded, would: Decided) -> None:
        kept = tally.samples.setdefault(effect, [])
        if len(kept) < self.samples:
            asked = recorded.candidate
            kept.append(Sample(
                job_id=recorded.job_id, tenant=recorded.tenant, recipient=asked.recipient, channel=asked.channel,
                at=format_instant(recorded.at), was=_written(recorded.decided), would_be=_written(would),
            ))  # fmt: skip


def effect_of(was: Decided, would: Decided) -> Effect:
    """What the difference of two decisions means for the person."""
    if was.decision == "allow" or would.decision == "allow":
        if was.decision == would.decision:
            return "unchanged"
        return "blocked" if was.decision == "allow" else "sent"
    then, now = (_FAR if one.earliest is None else one.earliest for one in (was, would))
    return "unchanged" if then == now else "later" if now > then else "earlier"


def chunks(lines: Iterable[bytes], size: int) -> Iterator[tuple[int, list[bytes]]]:
    """Lines in groups, each with the number of its first line, which count from 1."""
    group: list[bytes] = []
    first = 1
    for line in lines:
        group.append(line)
        if len(group) == size:
            yield first, group
            first, group = first + size, []
    if group:
        yield first, group


def _written(decided: Decided) -> dict[str, Any]:
    return {
        "decision": decided.decision,
        "earliest": None if decided.earliest is None else format_instant(decided.earliest),
        "blocked_by": list(decided.blocked_by),
    }
