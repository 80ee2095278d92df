"""What `gateway simulate` says: the totals first, then which rules and where, then cases by name."""

from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.domain.clock import tzdata_release
from gateway.policy.policy import Policy
from gateway.queries.simulate import EFFECTS, Sample, Tally

MEANINGS = {
    "blocked": "sent, would be blocked",
    "sent": "blocked, would be sent",
    "later": "blocked, would be blocked longer",
    "earlier": "blocked, would be free earlier",
    "unchanged": "unchanged",
    "irreproducible": "not decided so by the packs of then",
}
COLUMNS = {"blocked": "newly blocked", "sent": "newly sent"}


def document(tally: Tally, policy: Policy) -> dict[str, Any]:
    """The same as `tell` says, for other programs."""
    return {
        "policy": [pack.label for pack in policy.packs.values()],
        "tzdata": tzdata_release(),
        "cases": tally.read,
        "effects": {effect: tally.effects[effect] for effect in EFFECTS},
        "unchanged_by_other_rules": tally.other_rules,
        "irreproducible": tally.irreproducible,
        "unproven": tally.unproven,
        "other_zone_data": tally.other_zone_data,
        "too_old": tally.too_old,
        "bad_lines": len(tally.faults),
        "absent_packs": dict(sorted(tally.absent.items())),
        "rules": [{"rule": rule, "newly_blocks": newly, "no_longer_blocks": no_longer}
                  for rule, newly, no_longer in _rules(tally)],
        "places": [{"jurisdiction": place, "channel": channel} | counts
                   for (place, channel), counts in _places(tally)],
        "samples": {effect: msgspec.to_builtins(found) for effect, found in sorted(tally.samples.items())},
    }  # fmt: skip


def tell(console: Console, tally: Tally, policy: Policy) -> None:
    """For a person: totals, tables, samples."""
    labels = ", ".join(pack.label for pack in policy.packs.values())
    console.print(f"{tally.read} recorded cases, judged by {len(policy.packs)} packs: {escape(labels)}")
    for effect in EFFECTS:
        console.print(f"  {tally.effects[effect]:>8}  {MEANINGS[effect]}")
    for count, text in _remarks(tally):
        if count:
            console.print(f"  {count:>8}  {text}")
    for code, count in sorted(tally.absent.items()):
        console.print(f"  {count:>8}  were judged by a pack {escape(code)} too, which the folder does not have")
    if rows := _rules(tally):
        table = Table("rule", "newly blocks", "no longer blocks", box=None, pad_edge=False)
        for rule, newly, no_longer in rows:
            table.add_row(escape(rule), str(newly), str(no_longer))
        console.print()
        console.print(table)
    if tally.read - tally.irreproducible:
        table = Table("jurisdiction", "channel", *(COLUMNS.get(e, e) for e in EFFECTS), box=None, pad_edge=False)
        for (place, channel), counts in _places(tally):
            table.add_row(escape(place), escape(channel), *(str(counts[effect]) for effect in EFFECTS))
        console.print()
        console.print(table)
    for sort in (*EFFECTS, "irreproducible"):
        if found := tally.samples.get(sort):
            console.print(f"\n{MEANINGS[sort]}, for example:")
            for sample in found:
                console.print(f"  {escape(_sample(sample))}")


def _remarks(tally: Tally) -> tuple[tuple[int, str], ...]:
    return (
        (tally.other_rules, "of the unchanged are blocked by other rules"),
        (tally.irreproducible, "not compared: the packs of then do not decide them as recorded, so their facts have "
                               "changed since, or the text of a message decided"),
        (tally.unproven, "of those compared could not be proven: the packs of then are not at hand"),
        (tally.other_zone_data, f"were judged with other zone data than {tzdata_release()}"),
        (tally.too_old, "left out: older than --since"),
        (len(tally.faults), "lines are no cases"),
    )  # fmt: skip


def _rules(tally: Tally) -> list[tuple[str, int, int]]:
    names = {rule for rule, _ in tally.rules}
    rows = [(rule, tally.rules[rule, "newly"], tally.rules[rule, "no_longer"]) for rule in names]
    return sorted(rows, key=lambda row: (-row[1] - row[2], row[0]))


def _places(tally: Tally) -> list[tuple[tuple[str, str], dict[str, int]]]:
    places = sorted({(place, channel) for place, channel, _ in tally.places})
    return [(place, {effect: tally.places[(*place, effect)] for effect in EFFECTS}) for place in places]


def _sample(sample: Sample) -> str:
    who = f"{sample.job_id} (tenant {sample.tenant}, recipient {sample.recipient}) {sample.channel} {sample.at}"
    return f"{who}: {_decided(sample.was)} -> {_decided(sample.would_be)}"


def _decided(decided: dict[str, Any]) -> str:
    if decided["decision"] == "allow":
        return "allow"
    until = f" until {decided['earliest']}" if decided["earliest"] else ""
    return f"{decided['decision']}{until} by {', '.join(decided['blocked_by']) or 'nothing'}"
