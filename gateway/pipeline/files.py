"""Reads and writes the person's file: which contacts somebody had and what they told us, as rules look at it."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from channels.contract import Channel, PushTarget
from gateway.domain.clock import DAY, Instant
from gateway.policy.facts import PastContact, State
from gateway.policy.policy import LOOK_BACK_MS, Memory
from gateway.policy.states import covers
from gateway.policy.tally import counted

FILE_LIFE_MS = LOOK_BACK_MS + 5 * DAY

_contacts: msgspec.json.Decoder[list[PastContact]] = msgspec.json.Decoder(list[PastContact])
_states: msgspec.json.Decoder[list[State]] = msgspec.json.Decoder(list[State])
_encode = msgspec.json.Encoder().encode
_TOLD = re.compile(r"s:(?:stop|consent):([0-9]+)-([0-9]+):")


class Unreadable(ValueError):
    """A file is there and cannot be read. It is never taken for an empty one."""


class PersonFile(Struct, frozen=True):
    """One file as it was seen. `names` are the contacts' fields, in the order of `contacts`."""

    version: int = 0
    contacts: tuple[PastContact, ...] = ()
    names: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    state_names: tuple[str, ...] = ()
    household: str | None = None

    def outdated(self, now: Instant, memory: Memory) -> list[str]:
        """The fields that no rule looks at any more."""
        horizon = now - LOOK_BACK_MS
        return [
            name
            for name, contact in zip(self.names, self.contacts, strict=True)
            if contact.at < horizon and contact.at < now - remembered(contact, memory)
        ]

    def life_ms(self, memory: Memory, latest: PastContact) -> int:
        """How long the file must be kept from now on; 0 is for ever, because a state may hold for ever."""
        if self.states:
            return 0
        if not memory:
            return FILE_LIFE_MS
        return max(life_of(contact, memory) for contact in (*self.contacts, latest))


EMPTY = PersonFile()


def remembered(contact: PastContact, memory: Memory) -> int:
    """For how long (ms) some rule looks at such a contact."""
    return max((back for counts, back in memory if counted(counts, contact)), default=0)


def life_of(contact: PastContact, memory: Memory) -> int:
    """How long a file must be kept because of a contact that was just made, in ms."""
    return FILE_LIFE_MS - LOOK_BACK_MS + max(LOOK_BACK_MS, remembered(contact, memory))


def read_file(flat: list[bytes]) -> PersonFile:
    """A file from its fields and values. Raises Unreadable."""
    if not flat:
        return EMPTY
    fields: dict[bytes, bytes] = dict(zip(flat[::2], flat[1::2], strict=True))
    contacts = [(name, value) for name, value in fields.items() if name[:2] == b"c:"]
    states = [(name, value) for name, value in fields.items() if name[:2] == b"s:"]
    household = fields.get(b"h")
    try:
        return PersonFile(
            version=int(fields[b"v"]),
            contacts=_all(_contacts, contacts),
            names=tuple(name.decode() for name, _ in contacts),
            states=_all(_states, states),
            state_names=tuple(name.decode() for name, _ in states),
            household=household.decode() if household else None,
        )
    except (KeyError, ValueError, msgspec.DecodeError) as error:
        raise Unreadable(str(error)) from error


def facts_of(
    person: PersonFile, household: PersonFile | None, now: Instant
) -> tuple[Sequence[PastContact], Sequence[State]]:
    """What rules look at: the person's facts, and those of the household that shares limits; what stands in both counts
    once."""
    if household is None:
        return _happened(person.contacts, now), person.states
    own = set(person.names)
    shared = [c for name, c in zip(household.names, household.contacts, strict=True) if name not in own]
    return _happened((*person.contacts, *shared), now), (*person.states, *household.states)


def consents_of(person: PersonFile, channel: Channel, now: Instant) -> tuple[str, ...]:
    """The words that the person agreed to, by command and for this channel: they waive rules as a job's flags do."""
    return tuple(
        state.state
        for name, state in zip(person.state_names, person.states, strict=True)
        if name.startswith("s:consent:") and state.channel in (None, channel) and covers(state, now)
    )


def consents_end(person: PersonFile, channel: Channel, now: Instant) -> Instant | None:
    """When the first of the consents that hold now ends: what it lifts may stand in the way again from then on."""
    ends = [
        state.until
        for name, state in zip(person.state_names, person.states, strict=True)
        if name.startswith("s:consent:") and state.channel in (None, channel) and covers(state, now)
    ]
    return min((end for end in ends if end is not None), default=None)


def _happened(contacts: Sequence[PastContact], now: Instant) -> Sequence[PastContact]:
    """Contacts as of now. What is written down has happened: if it seems to lie ahead, the clock of the worker that
    claimed it is before ours, and to count it later would let one too many through meanwhile."""
    if all(contact.at <= now for contact in contacts):
        return contacts
    return [c if c.at <= now else msgspec.structs.replace(c, at=now) for c in contacts]


def write_contact(name: str, contact: PastContact) -> tuple[str, str]:
    """Field and value under which a contact stands in a file."""
    return f"c:{name}", _encode(contact).decode()


def write_state(name: str, state: State) -> tuple[str, str]:
    """Field and value under which a state stands in a file."""
    return f"s:{name}", _encode(state).decode()


def told_at(name: str) -> tuple[int, int]:
    """The place among all commands of the one that told a state, as the state's name holds it: before every other where
    it holds none, as in the names that were given to consents until they could be withdrawn."""
    told = _TOLD.match(name)
    return (0, 0) if told is None else (int(told[1]), int(told[2]))


def digest(address: str | PushTarget) -> str:
    """Stands for an address where only equality matters, 80 bits: the same for every tenant, because a person who says
    stop from a phone says it to all of them, and the case of a mailbox makes no other one."""
    return _digest(address if isinstance(address, str) else _token(address))


@lru_cache(maxsize=4096)
def _digest(text: str) -> str:
    return hashlib.blake2b(text.casefold().encode() if "@" in text else text.encode(), digest_size=10).hexdigest()


def _token(target: PushTarget) -> str:
    return target.token if isinstance(target.token, str) else str(target.token.get("endpoint", ""))


def _all(decoder: "msgspec.json.Decoder[list[Any]]", rows: list[tuple[bytes, bytes]]) -> tuple[Any, ...]:
    return tuple(decoder.decode(b"[" + b",".join(value for _, value in rows) + b"]")) if rows else ()
