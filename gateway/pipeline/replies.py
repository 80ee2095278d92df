"""Takes in what people wrote back and who unsubscribed: a stop is in force before whoever brought it is answered.

One atomic change: the address is stopped, so that no claim observed before it is written, and the person's file holds
the stop and the contact. What no machine may decide goes to the stream of replies, where people read it. A reply that
comes again changes nothing.
"""

from typing import Any

import msgspec
from msgspec import Struct

from channels.contract import Channel, Reply
from gateway.domain.clock import DAY, Instant, format_instant
from gateway.domain.note import Note, write_note
from gateway.domain.replies import Meaning, meaning
from gateway.domain.tokens import Unsubscribed
from gateway.pipeline.addresses import OPTED_OUT, AddressStop, opted_out
from gateway.pipeline.files import FILE_LIFE_MS, digest, write_contact
from gateway.policy.facts import PastContact
from gateway.store.keys import Member, parse_member, select_person
from gateway.store.redis import WRITTEN, Change, FileWrite, RecordWrite, Store

REPLY_LIFE_MS = 30 * DAY
"""For how long a reply is known when it comes again."""
MOST_TEXT = 2_000
"""characters of a reply that are handed on"""

_encode = msgspec.json.Encoder().encode


class Read(Struct, frozen=True, kw_only=True):
    """A reply as people read it on the stream of replies. `meaning` is what was made of it: `stop` (it is in force),
    `opt_in` (nothing was lifted: that needs proof), or `unclear`. The person is the one last written to at the address,
    None if nobody was."""

    id: str
    tenant: str | None
    recipient_id: str | None
    account: str | None
    job_id: str | None
    provider: str
    channel: Channel
    address: str
    text: str
    at: str
    meaning: Meaning


async def take_reply(store: Store, reply: Reply, now: Instant) -> Meaning:
    """Makes a reply true; what it was taken for. Durable and in force on return. Raises StoreError."""
    address = digest(reply.sender)
    name: Any = await store.redis.get(store.keys.address(address))
    member = parse_member(name.decode()) if name else None
    said: Meaning = "stop" if reply.opted_out else meaning(reply.text)
    change = Change(
        record=RecordWrite(
            store.keys.reply(reply.provider, reply.id or f"{address}-{reply.at}"),
            None,
            format_instant(now),
            REPLY_LIFE_MS,
        ),
        outputs=[(store.keys.replies, "reply", _encode(_read(reply, member, said)).decode())],
        note=write_note(Note(member="" if member is None else str(member), reply=msgspec.Raw(_encode(reply)))),
    )
    if member is not None:
        change.files.append(_contact(store, reply, member, address))
    if said == "stop":
        stop = AddressStop(reason=OPTED_OUT, at=await _told(store), by=reply.provider)
        tenant, recipient = (member.tenant, member.recipient) if member else (None, None)
        change.files += opted_out(address, stop, tenant, recipient, store.keys)
    [written] = await store.commit([change])
    if written == WRITTEN and said == "stop" and member is not None:
        await store.wake(select_person(member.tenant, member.recipient), now)
    return said


async def unsubscribe(store: Store, who: Unsubscribed, now: Instant) -> None:
    """Stops an address by one click (RFC 8058), in force on return. Raises StoreError."""
    if await store.redis.hexists(store.keys.stopped, who.address):
        return  # a link may be followed a thousand times
    stop = AddressStop(reason=OPTED_OUT, at=await _told(store), by="unsubscribe")
    files = opted_out(who.address, stop, who.tenant, who.recipient, store.keys)
    note = Note(act={"who": "person", "what": "unsubscribe", "tenant": who.tenant, "recipient": who.recipient})
    await store.commit([Change(files=files, note=write_note(note))])
    await store.wake(select_person(who.tenant, who.recipient), now)


async def _told(store: Store) -> Instant:
    """The store's own time, by which the orders that may lift a stop are placed as well."""
    seconds, micros = await store.redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


def _contact(store: Store, reply: Reply, member: Member, address: str) -> FileWrite:
    """The reply as a contact that the person made: no cap counts it, and rules may look at it."""
    fact = PastContact(
        at=reply.at, channel=reply.channel, event="delivered", direction="inbound", flags=("inbound",),
        recipient=member.recipient, account=member.account, address=address, household=member.household,
        job=member.job,
    )  # fmt: skip
    file = store.keys.person(member.tenant, member.recipient)
    return FileWrite(file, -1, write_contact(f"x:{reply.provider}:{reply.id}", fact), (), -FILE_LIFE_MS)


def _read(reply: Reply, member: Member | None, said: Meaning) -> Read:
    return Read(
        id=f"{reply.provider}:{reply.id}",
        tenant=member.tenant if member else None,
        recipient_id=member.recipient if member else None,
        account=member.account if member else None,
        job_id=member.job if member else None,
        provider=reply.provider,
        channel=reply.channel,
        address=reply.sender,
        text=reply.text[:MOST_TEXT],
        at=format_instant(reply.at),
        meaning=said,
    )
