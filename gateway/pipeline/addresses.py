"""Addresses that nobody is to be written to at, whosever they are: opted out, or dead.

A person's own stop stands in the person's file. This list is for what is true of an address: a reply STOP comes from a
phone and names no person, and a mailbox that does not exist does so for everybody. A claim is written only if the stop
of its address is still the one that was seen, so that none is made on an observation older than a stop.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from gateway.domain.clock import Instant
from gateway.pipeline.files import FILE_LIFE_MS, Unreadable, write_state
from gateway.policy.facts import State
from gateway.policy.stops import OPTED_OUT as OPTED_OUT
from gateway.store.keys import Keys
from gateway.store.redis import FileWrite

DEAD = "dead_address"


class AddressStop(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an address is not written to, since when, and who said so (a provider's name, `unsubscribe`); `code` is the
    provider's own."""

    reason: str
    """`opted_out` or `dead_address`"""
    at: Instant
    by: str
    code: str | None = None


_read = msgspec.json.Decoder(AddressStop).decode
_encode = msgspec.json.Encoder().encode


def read_stops(raw: Mapping[str, bytes]) -> dict[str, AddressStop]:
    """The stops of addresses, by field. Raises Unreadable."""
    try:
        return {name: _read(value) for name, value in raw.items()}
    except msgspec.DecodeError as error:
        raise Unreadable(str(error)) from error


def opted_out(
    digest: str, stop: AddressStop, tenant: str | None, recipient: str | None, keys: Keys
) -> list[FileWrite]:  # fmt: skip
    """What writes an opt-out down: for the address, and in the file of the person written to there, if anybody was."""
    written = FileWrite(keys.stopped, -1, (digest, _encode(stop).decode()))
    if tenant is None or recipient is None:
        return [written]
    return [written, _stop_person(tenant, recipient, digest, stop, keys)]


def dead(digest: str, channel: str, stop: AddressStop, keys: Keys) -> FileWrite:
    """What writes down that an address is dead on a channel: a number that takes no texts may well be called."""
    return FileWrite(keys.stopped, -1, (dead_name(digest, channel), _encode(stop).decode()))


def dead_name(digest: str, channel: str) -> str:
    """The field of a dead address, beside that of its opt-out, so that neither takes the other's place."""
    return f"{digest}:{channel}"


def _stop_person(tenant: str, recipient: str, digest: str, stop: AddressStop, keys: Keys) -> FileWrite:
    """The same as a state, named as a stop by command is, so that a later `resume` with the address lifts it. It holds
    since ever, because the clock of whoever judges may be behind the one that told."""
    state = State(state=OPTED_OUT, recipient=recipient, address=digest)
    return FileWrite(
        keys.person(tenant, recipient), -1, write_state(f"stop:{stop.at}-0:address:{digest}", state), (), -FILE_LIFE_MS
    )


def states_of(stops: Mapping[str, AddressStop]) -> tuple[State, ...]:
    """The opt-outs as rules look at states; since ever, as above."""
    return tuple(State(state=OPTED_OUT, address=digest) for digest, stop in stops.items() if stop.reason == OPTED_OUT)
