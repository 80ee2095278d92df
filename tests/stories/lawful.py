"""Says which contacts broke a rule, by brute force: every contact against every rule, on the clock on the wall.

It shares nothing with `gateway.policy`: packs are read as plain YAML, and what they mean is what `tests.policy.oracle`
makes of the wording of POLICY.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import yaml

from tests.policy import oracle

Raw = dict[str, Any]


class Contact(NamedTuple):
    """One contact. `ours` are judged, all are counted."""

    at: datetime
    recipient: str
    channel: str
    event: str = "sent"
    account: str | None = None
    address: str | None = None
    role: str = "creditor"
    flags: tuple[str, ...] = ()
    ours: bool = True
    job: str = ""


class Home(NamedTuple):
    """Where a person may be, and whose packs judge."""

    jurisdiction: str
    zones: tuple[str, ...]


class Law(NamedTuple):
    """One rule with its clock, and the lists of holidays that its pack has."""

    rule: Raw
    holidays: dict[str, list[str]]

    def zones(self, home: Home) -> tuple[str, ...]:
        clock = self.rule["clock"]
        return home.zones if clock == "recipient" else (clock.removeprefix("fixed:"),)


Laws = Mapping[str, Sequence[Law]]
"""By jurisdiction, those of the house among them."""


def read_laws(folder: Path) -> Laws:
    """The rules of a folder of packs. A jurisdiction without a pack has those of the house."""
    own = {path.stem: _read_pack(path) for path in folder.glob("*.yaml")}
    laws: dict[str, list[Law]] = defaultdict(lambda: own["house"])
    laws.update({code: own["house"] + found for code, found in own.items() if code != "house"})
    return laws


def _read_pack(path: Path) -> list[Law]:
    pack = json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))  # dates as texts, as in a vector
    lists = pack.get("holidays", {})
    return [Law({"clock": pack.get("clock", "recipient"), **rule}, lists) for rule in pack["rules"]]


def violations(contacts: Iterable[Contact], homes: Mapping[str, Home], laws: Laws) -> Iterator[str]:
    """For contacts in the order in which they happened: what some rule forbade at its time, with what was before it."""
    before: dict[str, list[Raw]] = defaultdict(list)
    for contact in contacts:
        home, past = homes[contact.recipient], before[contact.recipient]
        for law in laws[home.jurisdiction] if contact.ours else ():
            if forbids(law, home, contact, past):
                yield f"{law.rule['id']} forbade {contact} of {home}, after {past[-4:]}"
        past.append(_fact(contact))


def opened_lately(contact: Contact, span: timedelta, home: Home, laws: Laws) -> bool:
    """Whether a window that was closed that long before it has opened for it meanwhile."""
    earlier = contact._replace(at=contact.at - span)
    return any(law.rule["kind"] == "window" and forbids(law, home, earlier, ()) for law in laws[home.jurisdiction])


def forbids(law: Law, home: Home, contact: Contact, past: Sequence[Raw]) -> bool:
    vector = {"zones": home.zones, "holidays": law.holidays, "history": past}
    return oracle.blocks(law.rule, vector, _fact(contact), contact.at)


def edges(home: Home, laws: Laws, first: datetime, last: datetime) -> Iterator[datetime]:
    """The instants between at which windows of the person's may open or close; twice where the clock shows it twice."""
    for law in laws[home.jurisdiction]:
        faces = set(re.findall(r"\d\d:\d\d", str(law.rule.get("hours", "")))) - {"24:00"}
        for zone in law.zones(home):
            for number in range(-1, (last - first).days + 2):
                day = (first + timedelta(days=number)).date()
                for face in faces:
                    wall = datetime.combine(day, time.fromisoformat(face), ZoneInfo(zone))
                    found = {wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
                    yield from (at for at in found if first < at < last)


def _fact(contact: Contact) -> Raw:
    return {**contact._asdict(), "at": contact.at.isoformat()}
