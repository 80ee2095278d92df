"""Judges what a campaign did, from outside: what was acknowledged, what providers took, what receipts told.

The words are Jepsen's where it has one: an entry that the store acknowledged is `ok`, `waiting`, `in_doubt` or `lost`;
what was taken twice is `duplicated`. The checker knows nothing of how the gateway works, only what it promises, so that
a change of the protocol cannot make it blind without a test that sees it (test_campaign plants such changes).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Job = tuple[str, str]
"""recipient and id"""
Receipt = Mapping[str, Any]
TAKEN = {"sent", "delivered"}
"""statuses by which the gateway says that a provider took the message"""
COUNTS = TAKEN | {"undelivered", "in_doubt", "presumed_sent"}
"""statuses that own up to a message that may be out"""
WAITS = {"limit"}
"""reasons for which a job may still wait when everything else is at rest; for all others somebody forgot it"""


@dataclass(kw_only=True)
class History:
    """What is known of a round when it is at rest. `caps` are the most messages of a group of people in the time of the
    round; `interrupted` is how many sends the kills of the round may have cut off (0: nobody was killed)."""

    jobs: Mapping[Job, Mapping[str, Any]]
    receipts: Mapping[Job, Sequence[Receipt]]
    taken: Counter[tuple[str, str, str]]
    """(recipient, job id, channel) → how often a provider took it"""
    scheduled: Collection[Job]
    caps: Mapping[str, tuple[Mapping[str, str], int]] = field(default_factory=dict)
    """scope → (recipient → group, most)"""
    interrupted: int = 0


@dataclass(kw_only=True)
class Verdict:
    """Figures first; every list is a kind of violation and must be empty."""

    acknowledged: int = 0
    ok: int = 0
    waiting: int = 0
    in_doubt: int = 0
    taken: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    """faults that the harness made"""
    lost: list[str] = field(default_factory=list)
    """acknowledged, and now neither ended nor waiting for anything"""
    duplicated: list[str] = field(default_factory=list)
    """taken by a provider more than once"""
    over_cap: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    """told as sent, and no provider took it"""
    untold: list[str] = field(default_factory=list)
    """taken by a provider, and no receipt says that it may be out"""
    unexplained: list[str] = field(default_factory=list)
    """in doubt, or put aside as dead, though nothing happened that could be the cause"""
    ill_formed: list[str] = field(default_factory=list)
    """receipts against their contract: a gap, a repetition, something after the end"""
    leaked: list[str] = field(default_factory=list)
    """slots, claims or entries that a worker still holds when there is nothing to do"""
    stuck: list[str] = field(default_factory=list)
    """what did not come to rest, or died"""

    @property
    def violations(self) -> dict[str, list[str]]:
        return {name: found for name, found in vars(self).items() if isinstance(found, list) and found}


def judge(history: History, verdict: Verdict) -> Verdict:
    """Adds to a verdict what the history shows."""
    verdict.acknowledged, verdict.taken = len(history.jobs), history.taken.total()
    for job in history.jobs:
        told = history.receipts.get(job, ())
        if any(receipt["status"] == "in_doubt" for receipt in told):
            verdict.in_doubt += 1
        if ended(history.jobs[job], told):
            verdict.ok += 1
        elif job in history.scheduled and not forgotten(told):
            verdict.waiting += 1
        else:
            verdict.lost.append(f"{job}: {summary(told)}")
    _sends(history, verdict)
    _caps(history, verdict)
    doubts = [
        f"{r['id']}: {r['reason']['message']}"
        for told in history.receipts.values()
        for r in told
        if r["status"] == "in_doubt" and r["reason"]["provider_code"] is None  # not the provider's word, but a death
    ]
    if len(doubts) > history.interrupted:
        verdict.unexplained += doubts
    return verdict


def ended(job: Mapping[str, Any], told: Sequence[Receipt]) -> bool:
    """Whether the job has its end, or under `all` one for each channel or one for the whole."""
    finals = [receipt for receipt in told if receipt["final"]]
    if job.get("strategy") == "all" and not any(receipt["channel"] is None for receipt in finals):
        return {receipt["channel"] for receipt in finals} >= set(job["channels"])
    return bool(finals)


def forgotten(told: Sequence[Receipt]) -> bool:
    """Whether a job that waits has not said for what, or waits for something that is long over."""
    if not told:
        return True
    last = told[-1]
    return last["status"] == "deferred" and last["reason"]["code"] not in WAITS


def summary(told: Sequence[Receipt]) -> str:
    steps = [f"{r['channel']} {r['status']} {(r['reason'] or {}).get('code', '')}".strip() for r in told]
    return ", ".join(steps) or "not a word"


def _sends(history: History, verdict: Verdict) -> None:
    """What providers took against what receipts tell, both ways."""
    told: dict[tuple[str, str, str], set[str]] = {}
    for (recipient, job), receipts in history.receipts.items():
        for receipt in receipts:
            told.setdefault((recipient, job, receipt["channel"]), set()).add(receipt["status"])
    for send, times in history.taken.items():
        if times > 1:
            verdict.duplicated.append(f"{send}: {times} times")
        if not told.get(send, set()) & COUNTS:
            verdict.untold.append(f"{send}: {summary(history.receipts.get(send[:2], ()))}")
    for send, statuses in told.items():
        if statuses & TAKEN and not history.taken[send]:
            verdict.phantom.append(f"{send}: {sorted(statuses)}")


def _caps(history: History, verdict: Verdict) -> None:
    """Messages per group; also one that was not delivered was sent."""
    for scope, (group_of, most) in history.caps.items():
        counted: Counter[str] = Counter()
        for send, times in history.taken.items():
            counted[group_of[send[0]]] += times
        verdict.over_cap += [f"{scope} {group}: {n} > {most}" for group, n in counted.items() if n > most]
