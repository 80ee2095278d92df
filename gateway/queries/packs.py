"""Finds the packs that judged, by the labels that records and receipts name: in the store, else in a folder."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from gateway.policy.pack import Pack, parse_pack
from gateway.policy.policy import Policy
from gateway.store.policies import in_force, publication
from gateway.store.redis import Store


class Shelf:
    """Texts of packs by label, and the policies made of them. `own` are packs of a folder, for labels that the store
    does not hold: they count only under their own label."""

    def __init__(self, texts: Mapping[str, str], own: Iterable[Pack] = ()) -> None:
        self._texts = dict(texts)
        self._own = {pack.label: pack for pack in own}
        self._made: dict[str, Made] = {}

    def policy(self, version: str) -> "Made":
        """The policy of a version as receipts and looks name it: `CN@2026-11-20.1,house@2026-11-20.1`."""
        made = self._made.get(version)
        if made is None:
            made = self._made[version] = self._make([label for label in version.split(",") if label])
        return made

    def _make(self, labels: list[str]) -> "Made":
        packs: dict[str, Pack] = {}
        missing: list[str] = []
        for label in labels:
            code = label.partition("@")[0]
            pack = self._pack(label, code)
            if pack is None:
                missing.append(label)
            else:
                packs[code] = pack
        return Made(Policy(packs), tuple(missing))

    def _pack(self, label: str, code: str) -> Pack | None:
        text = self._texts.get(label)
        if text is None:
            return self._own.get(label)
        pack, faults = parse_pack(text, code, "", label)
        return None if faults else pack


class Made(Struct, frozen=True):
    """A policy, and the labels of which it lacks the pack."""

    policy: Policy
    missing: tuple[str, ...]


async def version_in_force(store: Store) -> str | None:
    """The labels of all packs of the policy in force, None if none was ever published."""
    name = await in_force(store)
    found = await publication(store, name) if name else None
    return None if found is None else ",".join(found.packs.values())
