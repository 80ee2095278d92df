"""A policy: all packs that hold together, and which of their rules judge a contact."""

from collections.abc import Mapping
from typing import TypeVar

from gateway.policy.facts import Candidate, PastContact
from gateway.policy.pack import Pack
from gateway.policy.rules.base import HORIZON, Rule
from gateway.policy.rules.counting import Counting
from gateway.policy.tally import counted

HOUSE = "house"
LOOK_BACK_MS = HORIZON
"""So long every contact is kept, whatever the rules look at: a changed policy judges by it too."""
Memory = tuple[tuple[tuple[str, ...], int], ...]
"""(`counts`, ms): contacts of these channels and events are looked at for so long."""
T = TypeVar("T")


class Policy:
    """All packs. It never changes: a changed policy is another one. While `faults` is not empty a rule may be missing,
    so nothing may be sent on its word."""

    def __init__(self, packs: Mapping[str, Pack], faults: tuple[str, ...] = (), published: str | None = None) -> None:
        self.packs = dict(packs)
        self.published = published
        """the name of the publication that it was read from; None if it is a folder's own"""
        self.faults = faults
        self.rules = frozenset((pack.code, rule.id) for pack in packs.values() for rule in pack.rules)
        """every rule by its pack and id"""
        self.attributes = frozenset(
            wanted.name for pack in packs.values() for rule in pack.rules for wanted in rule.selection.accounts
        )
        """the job's `params` by which rules select"""
        self._rules: dict[tuple[str, ...], tuple[Rule, ...]] = {}
        self._memories: dict[tuple[str, ...], Memory] = {}
        self._versions: dict[tuple[str, ...], str] = {}

    def rules_for(self, jurisdictions: tuple[str, ...]) -> tuple[Rule, ...]:
        """Every rule of every pack that applies: those of the jurisdictions given (the most specific first, all parents
        among them, as `places.locate` gives them), and of the house. A rule that is not in force yet is among them,
        since a search for a later moment may reach its first day."""
        found = self._rules.get(jurisdictions)
        if found is None:
            found = tuple(rule for pack in self._applying(jurisdictions) for rule in pack.rules)
            self._keep(self._rules, jurisdictions, found)
        return found

    def rules_on(self, jurisdictions: tuple[str, ...], candidate: Candidate) -> tuple[Rule, ...]:
        """Those of `rules_for` that may select a candidate, whatever its account: the others need not be asked."""
        key = (*jurisdictions, "", candidate.channel, candidate.purpose, candidate.role, *candidate.flags)
        found = self._rules.get(key)
        if found is None:
            every = self.rules_for(jurisdictions)
            found = tuple(rule for rule in every if rule.selection.may_select(candidate))
            self._keep(self._rules, key, found)
        return found

    def counts_both(self, jurisdictions: tuple[str, ...], candidate: Candidate, other: str) -> bool:
        """Whether some limit on this candidate counts a message on its channel and one on another channel alike."""
        messages = [PastContact(at=0, channel=channel, event="sent") for channel in (candidate.channel, other)]
        return any(
            all(counted(rule.tally.counts, message) for message in messages)
            for rule in self.rules_on(jurisdictions, candidate)
            if isinstance(rule, Counting)
        )

    def memory(self, jurisdictions: tuple[str, ...] | None = None) -> Memory:
        """What the rules that apply (None: all rules) look back at further than `LOOK_BACK_MS`."""
        key = ("*",) if jurisdictions is None else jurisdictions
        found = self._memories.get(key)
        if found is None:
            every = [rule for pack in self.packs.values() for rule in pack.rules]
            rules = every if jurisdictions is None else self.rules_for(jurisdictions)
            found = tuple({seen for rule in rules for seen in rule.memory() if seen[1] > LOOK_BACK_MS})
            self._keep(self._memories, key, found)
        return found

    def version_for(self, jurisdictions: tuple[str, ...]) -> str:
        """`code@version` of every pack that judges, for receipts: `CN@2026-11-20.1,house@2026-11-20.1`."""
        found = self._versions.get(jurisdictions)
        if found is None:
            found = ",".join(pack.label for pack in self._applying(jurisdictions))
            self._keep(self._versions, jurisdictions, found)
        return found

    def _applying(self, jurisdictions: tuple[str, ...]) -> list[Pack]:
        return [self.packs[code] for code in dict.fromkeys((*jurisdictions, HOUSE)) if code in self.packs]

    @staticmethod
    def _keep(kept: dict[tuple[str, ...], T], key: tuple[str, ...], value: T) -> None:
        if len(kept) < 4096:  # codes come from outside
            kept[key] = value
