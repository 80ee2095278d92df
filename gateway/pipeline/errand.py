"""A job in hand: the entry that brought it, the record as it was seen, and where it may go."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto

import msgspec
from msgspec import Struct

from channels.contract import Channel, Message, PushTarget
from gateway.domain.clock import Instant
from gateway.domain.errors import Fault
from gateway.domain.job import NOTHING, Attempt, Job, Limits, Track
from gateway.domain.receipt import Receipt
from gateway.domain.reminder import Reminder, parse_reminder
from gateway.domain.ruling import Finding
from gateway.pipeline.addresses import dead_name
from gateway.pipeline.desks import Desk
from gateway.pipeline.files import digest
from gateway.store.keys import Lane, Member, parse_member
from gateway.store.redis import Ask
from gateway.store.streams import Entry

FAR: Instant = 253_402_300_799_000
"""The year 9999: when something is due that waits for a person."""

_record = msgspec.json.Decoder(Job)
_encode = msgspec.json.Encoder().encode


class Errand:
    """One job on its way. `reminder` of a job that waited is read from its record, once that is seen."""

    __slots__ = (
        "addresses",
        "entry",
        "findings",
        "inherited",
        "job",
        "key",
        "likely",
        "member",
        "parks",
        "raw",
        "recalled",
        "reminder",
        "seen",
        "stopped",
        "wrote",
    )

    def __init__(self, entry: Entry, member: Member, reminder: Reminder | None, raw: bytes) -> None:
        self.entry, self.reminder, self.raw = entry, reminder, raw
        self.member = member
        """with the household that the job names, or, where it names none, that of the person's file when last seen"""
        self.addresses = None if reminder is None else digests(reminder)
        """digests of all addresses that the job may use; None until its reminder is read"""
        self.likely = member.channel
        self.key = entry.key
        self.inherited = entry.inherited
        self.parks = False
        self.recalled = False
        self.job: Job | None = None
        self.seen: str | None = None
        self.stopped: dict[str, bytes] = {}
        """the stops of its addresses, as they were seen with the record"""
        self.findings: Mapping[str, Sequence[Finding]] = {}
        """by channel, what the rules found in the latest look"""
        self.wrote: str | None = None
        """the record that the latest change holds; what is seen, once that change is written"""

    @property
    def ask(self) -> Ask:
        m = self.member
        return Ask(m.tenant, m.recipient, m.job, m.account, m.household, self.addresses or ())

    @property
    def place(self) -> tuple[str, str]:
        """Stream and id of the entry, as an acknowledgement names them."""
        return self.entry.stream, self.entry.id.decode()

    @property
    def subject(self) -> tuple[str, str]:
        """Whose limits it touches: one of a subject at a time goes down the line."""
        return self.member.tenant, self.member.household or self.member.recipient


def digests(reminder: Reminder) -> tuple[str, ...]:
    """Under which names every address on the channels that a job names may be stopped: for everything, or as dead."""
    found = [(digest(address), channel) for channel in reminder.channels for address in reminder.addresses(channel)]
    return tuple(dict.fromkeys(name for own, channel in found for name in (own, dead_name(own, channel))))


def address_of(reminder: Reminder, attempt: Attempt) -> str | PushTarget | None:
    """The address that an attempt went to, found by its digest."""
    return next((to for to in reminder.addresses(attempt.channel) if digest(to) == attempt.address), None)


def take_up(entry: Entry, lane: Lane) -> Errand | Fault:
    """An inbound entry → errand, or the Fault that sends it to the dead letters."""
    if (raw := entry.fields.get(b"job")) is not None:
        reminder = parse_reminder(raw)
        if isinstance(reminder, Fault):
            return reminder
        who = reminder.recipient
        likely = next((channel for channel in reminder.channels if reminder.address(channel) is not None), None)
        member = Member(lane, reminder.tenant, who.id, reminder.account, who.household, reminder.id, likely)
        return Errand(entry, member, reminder, raw)
    if (woken := entry.fields.get(b"wake")) is not None:
        try:
            return Errand(entry, parse_member(woken.decode()), None, b"")
        except ValueError:
            return Fault("wake", "names no job; only the gateway itself writes this field")
    return Fault("job", "is missing: an entry carries one Reminder as JSON in the field job")


def read_record(text: str) -> Job:
    """A record from its text. Raises msgspec.DecodeError."""
    return _record.decode(text)


def write_record(job: Job) -> str:
    """A record as text; the reminder goes with it only while something may still follow."""
    if job.ended:
        job.doc = NOTHING
    return _encode(job).decode()


def reminder_of(job: Job) -> Reminder | None:
    """The reminder that a record still keeps."""
    reminder = None if job.doc == NOTHING else parse_reminder(bytes(job.doc))
    return None if isinstance(reminder, Fault) else reminder


def of_household(reminder: Reminder, household: str | None) -> Reminder:
    """The reminder as that of a household; the one that its own document names goes first."""
    who = reminder.recipient
    if household is None or who.household is not None:
        return reminder
    return msgspec.structs.replace(reminder, recipient=msgspec.structs.replace(who, household=household))


def write_receipt(receipt: Receipt) -> str:
    return _encode(receipt).decode()


def due(job: Job, ends: Instant | None, limits: Limits) -> Instant | None:
    """When somebody must look at a resting job again, None if never."""
    times: list[Instant] = []
    for track in job.tracks:
        match track.state:
            case "waiting":
                times.append(min(FAR if track.until is None else track.until, ends or FAR))
            case "sent" | "in_doubt":
                times.append(track.attempt.at + limits.doubt_ms if track.attempt else FAR)
                times += [at for at in (limits.silent_at(track), limits.asks_at(track)) if at is not None]
            case "ready" | "open" | "presumed" | "ended":
                pass
    return min(times, default=None)


class Skip(Enum):
    """Why an entry needs nothing more than to be put away, or not even that."""

    DUPLICATE = auto()
    LOST = auto()
    """a woken job whose record is gone"""
    NOT_OURS = auto()
    """somebody else has it in hand: leave the entry alone"""


class Rest(Struct):
    """The job comes to rest, or (`again`) was changed and goes on at once: receipts to give, contact fields to drop."""

    receipts: list[Receipt]
    drops: Sequence[str] = ()
    again: bool = False
    remember: bool = False
    """the person's file does not name the household yet that the job names"""
    asks: Sequence[Attempt] = ()
    """doubtful sends of which their providers are to be asked"""


class Hold(Struct):
    """There is no room at the channel now."""

    channel: Channel


class Go(Struct):
    """The job is admitted: the claim to make and the message to send if it is made."""

    track: Track
    attempt: Attempt
    desk: Desk
    message: Message
    contact: tuple[str, str]
    receipts: list[Receipt]
    prune: list[str]
    life_ms: int
    """how long the person's file is kept from now on, 0 for ever"""
    shared_life_ms: int
    """the household's"""
    versions: tuple[int, int]
    """of the person's file and the household's"""
    address: tuple[str, str | None]
    """the digest of the address, and the stop of it that was seen"""


class Unobserved(Struct):
    """The person's file names a household, or the job's record addresses, that were not observed with the errand: it
    knows them now, and is looked at again."""


class Unsure(Struct):
    """Something that must be known cannot be read: the job waits, and nothing is sent."""

    why: str


Move = Skip | Rest | Hold | Go | Unobserved | Unsure
