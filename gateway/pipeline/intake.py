"""Takes in what happened elsewhere: contacts that count, commands that rule, and (`reports`) what providers report.

One consumer reads all three streams; what it writes is in force for every worker with the next observation, and a claim
made on older knowledge fails, so the effect is immediate wherever the person's file or the control document is read.
"""

import asyncio
from typing import Any, assert_never, get_args

import msgspec
import structlog

from channels.contract import Channel
from gateway.domain.clock import DAY, Clock, Instant, format_instant, parse_instant
from gateway.domain.command import Cancel, Command, Consent, Pause, Resume, Stop, Unpause, parse_command
from gateway.domain.contact import MAX_AGE_DAYS, Contact, parse_contact
from gateway.domain.errors import Fault
from gateway.domain.note import Note, write_note
from gateway.pipeline.addresses import dead_name, read_stops
from gateway.pipeline.deadletter import dead_letter
from gateway.pipeline.errand import read_record
from gateway.pipeline.files import (
    PersonFile,
    Unreadable,
    digest,
    life_of,
    read_file,
    told_at,
    write_contact,
    write_state,
)
from gateway.pipeline.line import Context
from gateway.pipeline.metrics import Metrics
from gateway.pipeline.reports import Reports
from gateway.policy.facts import PastContact, State
from gateway.store.keys import PAUSED, select_account, select_job, select_person
from gateway.store.redis import Ask, Change, FileWrite, RecordWrite, Store, StoreError, StoreLost
from gateway.store.streams import Entry, Inbox, place_of

ORDER_LIFE_MS = 7 * DAY
IDLE_S = 1.0
TURN_S = 0.02
"""How soon a command that waits for its turn is looked at again."""
SWEEP_S = 4.0
STORE_PAUSE_S = 0.5
BATCH = 100

_encode = msgspec.json.Encoder().encode
log = structlog.get_logger("gateway.intake")


class Intake:
    """One consumer of contacts, commands and callbacks. `run` returns when `stop` was called."""

    def __init__(self, store: Store, inbox: Inbox, context: Context, clock: Clock, metrics: Metrics) -> None:
        self.store, self.inbox, self.context, self.clock, self.metrics = store, inbox, context, clock, metrics
        self.reports = Reports(store, context, clock, metrics)
        self._stopping = False
        self._early: dict[bytes, Entry] = {}
        """what must not take effect before older commands that another process has in hand"""

    def stop(self) -> None:
        self._stopping = True

    async def run(self) -> None:
        """Reads until stopped; an entry is put away only when what it says is written."""
        swept = -SWEEP_S
        fresh = True
        loop = asyncio.get_running_loop()
        while not self._stopping:
            try:
                if await self.store.shut():  # what an order lifts may not be there before the store is rebuilt
                    raise StoreLost
                if fresh:
                    await self.inbox.prepare()
                    await self._take_in(await self.inbox.pending())
                    fresh = False
                if loop.time() - swept > SWEEP_S:
                    await self._take_in(await self.inbox.take_over())
                    await self.reports.adopt()
                    swept = loop.time()
                counts = dict.fromkeys(self.inbox.streams, BATCH)
                wait = TURN_S if self._early else IDLE_S
                news = await self.inbox.take(counts) or await self.inbox.wait(wait)
                early, self._early = self._early, {}
                await self._take_in([*early.values(), *news])
            except (StoreError, OSError) as error:
                self.metrics.store_errors.add("intake")
                log.warning("store_trouble", what="intake", error=type(error).__name__)
                fresh = True
                await asyncio.sleep(STORE_PAUSE_S)

    async def _take_in(self, entries: list[Entry]) -> None:
        callbacks = [entry for entry in entries if entry.stream == self.context.keys.callbacks]
        for entry in entries:
            self.metrics.entries.add(entry.stream)
            if entry.stream == self.context.keys.callbacks:
                continue
            try:
                fault = await self._one(entry)
            except (msgspec.DecodeError, Unreadable) as error:
                fault = Fault("", f"what the store holds of this person or job cannot be read: {error}")
            if fault is not None:
                await self.store.commit([dead_letter(entry, fault, self.clock.now(), self.context.keys)])
                self.metrics.dead.add(entry.stream)
        if callbacks:
            await self.reports.take_in(callbacks)

    async def _one(self, entry: Entry) -> Fault | None:
        keys = self.context.keys
        field, parse = (b"contact", parse_contact) if entry.stream == keys.contacts else (b"command", parse_command)
        raw = entry.fields.get(field)
        if raw is None:
            return Fault(field.decode(), "is missing: an entry carries one JSON document in this field")
        said: Contact | Command | Fault = parse(raw)
        if isinstance(said, Fault):
            return said
        if isinstance(said, Contact):
            await self._contact(said, raw)
        elif isinstance(said, Resume | Unpause) and not await self.inbox.first_in_line(entry):
            self._early[entry.id] = entry  # what it lifts may not be there yet; what restrains never waits
            return None
        else:
            await self._command(said, entry)
        self.metrics.orders.add(type(said).__name__.lower())
        await self.inbox.forget(entry)
        return None

    async def _contact(self, contact: Contact, raw: bytes) -> None:
        """A fact goes into the person's file and, where they share limits, their household's. Same id, same field."""
        now = self.clock.now()
        at = min(parse_instant(contact.at), now)  # what happened cannot lie ahead; a fast clock must not hide a contact
        if at < now - MAX_AGE_DAYS * DAY:
            return
        keys, tenant = self.context.keys, contact.tenant
        person, record = await self._person(tenant, contact.recipient_id, contact.job_id)
        household = contact.household or person.household
        fact = PastContact(
            at=at, channel=contact.channel, event=contact.event, direction=contact.direction,
            flags=(*contact.flags, "inbound") if contact.direction == "inbound" else contact.flags,
            recipient=contact.recipient_id, account=contact.account,
            address=digest(contact.address) if contact.address else None,
            household=household, creditor=contact.creditor, collector=contact.collector, job=contact.job_id,
        )  # fmt: skip
        puts, drops = write_contact(f"x:{contact.id}", fact), _placeholder(record)
        own = (*puts, "h", contact.household) if contact.household else puts
        life = -life_of(fact, self.context.house.policy.memory())
        files = [FileWrite(keys.person(tenant, contact.recipient_id), -1, own, drops, life)]
        if household:
            files.append(FileWrite(keys.household(tenant, household), -1, puts, drops, life))
        await self.store.commit([Change(files=files, note=write_note(Note(contact=msgspec.Raw(raw))))])

    async def _person(self, tenant: str, recipient: str, job: str | None = None) -> tuple[PersonFile, str | None]:
        sight = await self.store.observe([Ask(tenant, recipient, job or "")])
        return read_file(sight.seen[0].person), sight.seen[0].record if job else None

    async def _command(self, command: Command, entry: Entry) -> None:
        keys = self.context.keys
        order = keys.order(command.tenant or "", command.id)
        note = write_note(Note(command=msgspec.Raw(entry.fields[b"command"])))
        change = Change(record=RecordWrite(order, None, format_instant(self.clock.now()), ORDER_LIFE_MS), note=note)
        wake: list[str] = []
        match command:
            case Cancel():
                selector = _cancelled(command)
                cancel = FileWrite(keys.cancels, -1, (selector, str(entry.accepted_ms)))
                change.files, wake = [cancel, FileWrite(keys.control, -1)], [selector]
            case Pause():
                change.files = [await self._switched(command, entry)]
            case Unpause():
                change.files = [await self._switched(command, entry)]
                wake = [PAUSED]
            case Stop() | Consent():
                name, state = _state(command, entry)
                person = keys.person(command.tenant or "default", command.recipient_id)
                change.files = [FileWrite(person, -1, write_state(name, state))]
                wake = [select_person(command.tenant or "default", command.recipient_id)]
            case Resume():
                change.files = await self._lifted(command, entry)
                wake = [select_person(command.tenant or "default", command.recipient_id)]
            case _:
                assert_never(command)
        await self._order(change, command, entry)
        for selector in wake:
            await self.store.wake(selector, self.clock.now())

    async def _order(self, change: Change, command: Command, entry: Entry) -> None:
        """Writes an order once; one that was weighed against what changed meanwhile is weighed again."""
        while (await self.store.commit([change]))[0] < 0:
            if isinstance(command, Resume):
                change.files = await self._lifted(command, entry)
            elif isinstance(command, Pause | Unpause):
                change.files = [await self._switched(command, entry)]

    async def _switched(self, command: Pause | Unpause, entry: Entry) -> FileWrite:
        """A pause takes the place of every older one with the same selectors; an unpause lifts those and no newer one,
        for it may come late, left by a process that died."""
        control: Any = await self.store.redis.hgetall(self.context.keys.control)
        own, version = f"p:{entry.id.decode()}:{_selectors(command)}", int(control.pop(b"v", 0))
        drops = [name for name in map(bytes.decode, control) if name[:2] == "p:" and _replaces(own, name)]
        puts = (own, _encode(command).decode()) if isinstance(command, Pause) else ()
        return FileWrite(self.context.keys.control, version, puts, drops)

    async def _lifted(self, resume: Resume, entry: Entry) -> list[FileWrite]:
        """Takes every older stop made with the same selectors out of the person's file, and of a word that it names the
        consents too; where it names an address, that of the address as well."""
        tenant = resume.tenant or "default"
        person, _ = await self._person(tenant, resume.recipient_id)
        address = digest(resume.address) if resume.address else None
        drops = [
            name
            for name, state in zip(person.state_names, person.states, strict=True)
            if (name.startswith("s:stop:") or (resume.reason is not None and name.startswith("s:consent:")))
            and told_at(name) < entry.place
            and (resume.reason is None or state.state == resume.reason)
            and (state.channel, state.account, state.address) == (resume.channel, resume.account, address)
        ]
        files = [FileWrite(self.context.keys.person(tenant, resume.recipient_id), person.version, (), drops)]
        return files if address is None else files + await self._lifted_address(address, resume, entry)

    async def _lifted_address(self, address: str, resume: Resume, entry: Entry) -> list[FileWrite]:
        keys = self.context.keys
        names = [address, *(dead_name(address, channel) for channel in get_args(Channel))]
        version, *raw = list[Any](await self.store.redis.hmget(keys.stopped, ["v", *names]))
        stops = read_stops({name: value for name, value in zip(names, raw, strict=True) if value})
        lifted = [
            name
            for name, stop in stops.items()
            if stop.at <= entry.accepted_ms and resume.reason in (None, stop.reason)
        ]
        return [FileWrite(keys.stopped, int(version), (), lifted)] if lifted else []


def _cancelled(cancel: Cancel) -> str:
    """What a cancel selects; where it names more than one thing, the narrowest of them."""
    tenant = cancel.tenant or "default"
    if cancel.job_id:
        return select_job(tenant, cancel.job_id)
    return (
        select_account(tenant, cancel.account) if cancel.account else select_person(tenant, cancel.recipient_id or "")
    )


def _selectors(command: Pause | Unpause) -> str:
    return _encode([command.tenant, command.channel, command.provider, command.template]).decode()


def _replaces(own: str, other: str) -> bool:
    """Whether a pause of the control document has the same selectors as another one of it, and is no newer."""
    (_, mine, selectors), (_, its, others) = own.split(":", 2), other.split(":", 2)
    return own != other and selectors == others and place_of(its) <= place_of(mine)


def _state(command: Stop | Consent, entry: Entry) -> tuple[str, State]:
    """The state that a command records; its name tells its place among the commands, so that only a later one lifts it.
    A stop counts as of ever unless it says from when, a consent from when it was told."""
    until: Instant | None = parse_instant(command.until) if command.until else None
    if isinstance(command, Consent):
        since = min(parse_instant(command.at), entry.accepted_ms)  # a rule may ask how old or how fresh it is
        state = State(
            state=command.state, from_=since, until=until, channel=command.channel, recipient=command.recipient_id
        )
        return f"consent:{entry.id.decode()}:{command.id}", state
    return f"stop:{entry.id.decode()}:{command.id}", State(
        state=command.reason,
        from_=parse_instant(command.from_) if command.from_ else None,
        until=until,
        channel=command.channel,
        recipient=command.recipient_id,
        account=command.account,
        address=digest(command.address) if command.address else None,
    )


def _placeholder(record: str | None) -> tuple[str, ...]:
    """The attempt that a handed-over call counts as until its outcome comes back."""
    if record is None:
        return ()
    attempts = [track.attempt for track in read_record(record).tracks if track.attempt is not None]
    return tuple(f"c:{attempt.reference}" for attempt in attempts if attempt.channel == "call")
