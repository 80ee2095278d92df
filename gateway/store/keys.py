"""Every Redis key of the gateway in one table, so that two rooms never mean different things by one name."""

from typing import Literal

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
    | `receipts`, `calls`, `dead` | stream | outputs |
    | `person:<tenant>/<recipient>` | hash | the person's file: `v`ersion, `c:<id>` contacts, `s:<id>` states, `h`ousehold |
    | `household:<tenant>/<household>` | hash | the same for the people who share limits |
    | `job:<tenant>/<recipient>/<id>` | string | the job's record (msgpack), kept for the idempotency horizon |
    | `reference:<reference>` | string | the job's member, found by a provider's callback |
    | `order:<tenant>/<id>` | string | a command that was carried out |
    | `schedule` | zset | members that wait, scored by due time (ms) |
    | `waiting` | zset | `<selector> RS <member>`, all at score 0: finds who waits by job, account, person, pause |
    | `control` | hash | `v`ersion, `p:<selector>` pauses |
    | `cancels` | hash | `<selector>` → ms of the cancel |
    | `rate:<provider>` | string | the theoretical arrival time of the provider's next message (GCRA) |
    | `workers` | hash | slot of each consumer name → the process that holds it and until when |
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
        self.dead = f"{prefix}:dead"
        self.schedule = f"{prefix}:schedule"
        self.waiting = f"{prefix}:waiting"
        self.control = f"{prefix}:control"
        self.cancels = f"{prefix}:cancels"
        self.workers = f"{prefix}:workers"

    @property
    def inbound(self) -> tuple[str, ...]:
        return (*self.lanes.values(), self.contacts, self.commands, self.callbacks)

    def person(self, tenant: str, recipient: str) -> str:
        return f"{self.prefix}:person:{tenant}/{recipient}"

    def household(self, tenant: str, household: str) -> str:
        return f"{self.prefix}:household:{tenant}/{household}"

    def job(self, tenant: str, recipient: str, job: str) -> str:
        return f"{self.prefix}:job:{tenant}/{recipient}/{job}"

    def reference(self, reference: str) -> str:
        return f"{self.prefix}:reference:{reference}"

    def order(self, tenant: str, order: str) -> str:
        return f"{self.prefix}:order:{tenant}/{order}"

    def rate(self, provider: str) -> str:
        return f"{self.prefix}:rate:{provider}"


def member(lane: Lane, tenant: str, recipient: str, account: str | None, job: str) -> str:
    """How a waiting job is named in `schedule`: everything by which it can be found, and its lane."""
    return SEP.join((lane, tenant, recipient, account or "", job))


def split_member(text: str) -> tuple[Lane, str, str, str | None, str]:
    """The inverse of `member`. Raises ValueError for anything else."""
    lane, tenant, recipient, account, job = text.split(SEP)
    for known in LANES:
        if lane == known:
            return known, tenant, recipient, account or None, job
    raise ValueError("no such lane")


def select_job(tenant: str, job: str) -> str:
    return SEP.join(("j", tenant, job))


def select_account(tenant: str, account: str) -> str:
    return SEP.join(("a", tenant, account))


def select_person(tenant: str, recipient: str) -> str:
    return SEP.join(("r", tenant, recipient))


PAUSED = "p"
"""The selector of everything that waits for an unpause."""
