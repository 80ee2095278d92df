"""Writes the tables of providers in the READMEs from the facts that the kinds declare: `python -m channels.table`.

A provider's row is never typed, so that what people read is what the line goes by.
"""

import re
import sys
from pathlib import Path

from channels.catalogue import KINDS, kind_of
from channels.contract import Facts

ROOT = Path(__file__).parents[1]
PLACES = {"facts": ROOT / "README.md", "kinds": ROOT / "channels" / "README.md"}
"""Name of a table → the document that holds it, between `<!-- name -->` and `<!-- /name -->`."""
_HEADS = {
    "facts": ("kind", "channel", "receipts", "look-up", "same again", "dropped after", "largest"),
    "kinds": ("kind", "channel", "what it is"),
}


def rows(name: str) -> list[tuple[str, ...]]:
    """The cells of a table, one row for each kind in the order of the catalogue."""
    facts = [kind_of(kind).facts for kind in KINDS]
    if name == "kinds":
        return [(f"`{fact.kind}`", fact.channel or "any", fact.summary) for fact in facts]
    return [_row(fact) for fact in facts]


def _row(fact: Facts) -> tuple[str, ...]:
    known = fact.idempotency
    return (
        f"`{fact.kind}`",
        fact.channel or "any",
        "yes" if fact.receipts else "bounces" if fact.keeps_reference else "no",
        "yes" if fact.lookup else "no",
        f"`{known.carried}`, {known.window_s} s" if known else "no",
        ("yes" if fact.longest_life_s is None else f"≤ {fact.longest_life_s} s") if fact.bounds_delivery else "no",
        f"{fact.most_bytes} B" if fact.most_bytes else "",
    )


def written(name: str) -> str:
    """A table in Markdown."""
    head = _HEADS[name]
    lines = [head, ("---",) * len(head), *rows(name)]
    return "\n".join("| " + " | ".join(cells).rstrip() + " |" for cells in lines)


def replaced(name: str, document: str) -> str:
    """The document with its table written anew. Raises ValueError where it has no place for it."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    found = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}\n{written(name)}\n{end}", document, flags=re.S)
    if found[1] != 1:
        raise ValueError(f"{begin} … {end} must stand once in the document, and stands {found[1]} times")
    return found[0]


def main() -> int:
    """Rewrites both documents; 0."""
    for name, path in PLACES.items():
        path.write_text(replaced(name, path.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
