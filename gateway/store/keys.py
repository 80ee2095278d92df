"""Every Redis key of the gateway in one table, so that two rooms never mean different things by one name."""

from typing import Literal

from msgspec import Struct

Lane = Literal["high", "normal", "bulk"]
LANES: tuple[Lane, ...] = ("high", "normal", "bulk")
GROUP = "gateway"
SEP = "\x1f"
"""Separates names inside a member; no name may hold it, because names are visible characters."""


class Keys:
    """The names under one prefix.

    | key | type | holds |
    | --- | --- | --- |
    | `reminders:high`, `reminders`, `reminders:bulk` | stream | entries to do |
    | `contacts`, `commands`, `callbacks` | stream | facts, orders and provider receipts to take in |
    | `receipts`, `calls`, `replies`, `dead` | stream | outputs |
    | `journal` | stream | what was written, as it was written, until the ledger has it |
    | `recalled` | stream | what processes remember of a store that was lost, until it is rebuilt |
    | `person:<tenant>/<recipient>` | hash | the person's file: `v`ersion, `c:<id>` contacts, `s:<id>` states, `h` |
    | | | `h` is the household last named with the person |
    | `household:<tenant>/<household>` | hash | the same for the people who share limits |
    | `job:<tenant>/<recipient>/<id>` | string | the job's record (JSON), kept for the idempotency horizon |
    | `reference:<reference>` | string | the job's member, found by a provider's callback |
    | `message:<provider>/<message id>` | string | the reference of a message that reports name by its provider's id |
    | `address:<digest>` | string | the member last written to at an address, found by a reply |
    | `stopped` | hash | digest of an address → who opted out, and `<digest>:<channel>` → dead |
    | `orphans` | zset | reports of messages that nobody knows yet, scored by their time (ms) |
    | `reply:<provider>/<id>` | string | a reply that was taken in |
    | `order:<tenant>/<id>` | string | a command that was carried out |
    | `schedule` | zset | members that wait, scored by due time (ms) |
    | `waiting` | zset | `<selector> RS <member>`, all at score 0: finds who waits by job, account, person, pause |
    | `control` | hash | `v`ersion, `epoch`, `policy` in force, `p:<entry id>:<selectors>` pauses |
    | `cancels` | hash | `<selector>` → ms of the cancel |
    | `policies` | hash | name of a publication → its packs by label |
    | `approved` | hash | code of a pack → what two people approved of it, and from when it holds |
    | `packs` | hash | `code@version` → the text of the pack, for ever |
    | `rate:<provider>` | string | the theoretical arrival time of the provider's next message (GCRA) |
    | `worker:<name>` | string | the process that holds a consumer's name, while it lives |
    | `idempotency:<digest>` | string | what the API answered under an idempotency key |
    | `queued:<tenant>/<recipient>/<id>` | string | that a job came over HTTP, for a day |
    | `endpoint:<name>` | hash | where a producer's endpoint stands in the stream of receipts, and what failed there |
    | `lease:<name>` | string | the process that serves an endpoint, while it lives |
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.lanes: dict[Lane, str] = {
            "high": f"{prefix}:reminders:high",
            "normal": f"{prefix}:reminders",
            "bulk": f"{prefix}:reminders:bulk",
        }
        self.contacts = f"{prefix}:contacts"
        self.commands = f"{prefix}:commands"
        self.callbacks = f"{prefix}:callbacks"
        self.receipts = f"{prefix}:receipts"
        self.calls = f"{prefix}:calls"
        self.replies = f"{prefix}:replies"
        self.dead = f"{prefix}:dead"
        self.journal = f"{prefix}:journal"
        self.recalled = f"{prefix}:recalled"
        self.schedule = f"{prefix}:schedule"
        self.waiting = f"{prefix}:waiting"
        self.control = f"{prefix}:control"
        self.cancels = f"{prefix}:cancels"
        self.stopped = f"{prefix}:stopped"
        self.orphans = f"{prefix}:orphans"
        self.policies = f"{prefix}:policies"
        self.packs = f"{prefix}:packs"
        self.approved = f"{prefix}:approved"

    @property
    def inbound(self) -> tuple[str, ...]:
        return (*self.lanes.values(), self.contacts, self.commands, self.callbacks)

    def person(self, tenant: str, recipient: str) -> str:
        return f"{self.prefix}:person:{_part(tenant)}/{_part(recipient)}"

    def household(self, tenant: str, household: str) -> str:
        return f"{self.prefix}:household:{_part(tenant)}/{_part(household)}"

    def job(self, tenant: str, recipient: str, job: str) -> str:
        return f"{self.prefix}:job:{_part(tenant)}/{_part(recipient)}/{job}"

    def reference(self, reference: str) -> str:
        return f"{self.prefix}:reference:{reference}"

    def message(self, provider: str, message_id: str) -> str:
        return f"{self.prefix}:message:{provider}/{message_id}"

    def address(self, digest: str) -> str:
        return f"{self.prefix}:address:{digest}"

    def reply(self, provider: str, reply: str) -> str:
        return f"{self.prefix}:reply:{provider}/{reply}"

    def order(self, tenant: str, order: str) -> str:
        return f"{self.prefix}:order:{_part(tenant)}/{order}"

    def worker(self, name: str) -> str:
        return f"{self.prefix}:worker:{name}"

    def idempotency(self, key: str) -> str:
        return f"{self.prefix}:idempotency:{key}"

    def queued(self, tenant: str, recipient: str, job: str) -> str:
        return f"{self.prefix}:queued:{_part(tenant)}/{_part(recipient)}/{job}"

    def endpoint(self, name: str) -> str:
        return f"{self.prefix}:endpoint:{name}"

    def lease(self, name: str) -> str:
        return f"{self.prefix}:lease:{name}"

    def rate(self, provider: str) -> str:
        return f"{self.prefix}:rate:{provider}"

    def names(self, kind: str, key: str) -> tuple[str, ...] | None:
        """The inverse of `person`, `household` (tenant, name) and `job` (tenant, recipient, id); None for a key of
        another kind."""
        start = f"{self.prefix}:{kind}:"
        if not key.startswith(start):
            return None
        *parts, last = key.removeprefix(start).split("/", 2 if kind == "job" else 1)
        return (*map(_whole, parts), last if kind == "job" else _whole(last))


def _whole(part: str) -> str:
    return part.replace("%2F", "/").replace("%25", "%")


def _part(name: str) -> str:
    """A name as one part of a key: two different pairs of names never make one key."""
    return name.replace("%", "%25").replace("/", "%2F") if "/" in name or "%" in name else name


class Member(Struct, frozen=True):
    """A job by all the names under which it can be found while it waits."""

    lane: Lane
    tenant: str
    recipient: str
    account: str | None
    household: str | None
    job: str
    channel: str | None = None
    """the one that it will probably take, so that whoever wakes it knows what it waits for"""

    def __str__(self) -> str:
        return SEP.join(
            (
                self.lane,
                self.tenant,
                self.recipient,
                self.account or "",
                self.household or "",
                self.channel or "",
                self.job,
            )
        )


def parse_member(text: str) -> Member:
    """The inverse of `str(member)`. Raises ValueError for anything else."""
    lane, tenant, recipient, account, household, channel, job = text.split(SEP)
    for known in LANES:
        if lane == known:
            return Member(known, tenant, recipient, account or None, household or None, job, channel or None)
    raise ValueError("no such lane")


def select_job(tenant: str, job: str) -> str:
    return SEP.join(("j", tenant, job))


def select_account(tenant: str, account: str) -> str:
    return SEP.join(("a", tenant, account))


def select_person(tenant: str, recipient: str) -> str:
    return SEP.join(("r", tenant, recipient))


PAUSED = "p"
"""The selector of everything that waits for an unpause."""

RULED = "w"
"""The selector of everything that waits because a rule says so, and is judged anew when the policy changes."""
