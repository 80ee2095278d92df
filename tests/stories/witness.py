"""Sees every contact of a story in the order in which it happened, by the clock that story and workers share."""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from gateway.store.keys import Lane
from tests.stories.lawful import Contact
from tests.stories.people import Person, address
from tests.stories.providers import Providers
from tests.stories.world import World

_NUMBER = re.compile(r"Bank (\d+)")


class Witness:
    """`contacts` are the messages that providers took, and what others reported. A message is known by the number in
    its text, and must have gone to an address of the person that its job is for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.contacts: list[Contact] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        """by id, as they were put on the lanes"""

    def watch(self, fakes: Providers) -> None:
        fakes.twilio.log = _Noting(lambda taken: self._saw("sms", taken["Body"], taken["To"]))
        fakes.fcm.log = _Noting(lambda taken: self._saw("push", json.dumps(taken["message"]), taken["to"]))
        fakes.smtp.log = _Noting(lambda mail: self._saw("email", mail.content.decode(), mail.recipients[0]))

    async def put(self, jobs: Iterable[dict[str, Any]], lane: Lane) -> None:
        jobs = list(jobs)
        self.jobs.update({job["id"]: job for job in jobs})
        await self.world.put(*jobs, lane=lane)

    async def call(self, whom: Person, event: str, account: str, direction: str = "outbound") -> None:
        """A call by somebody else, told to the gateway at the time at which it happened."""
        phone = address(whom.recipient, "sms")
        await self.world.contact(whom.id, event=event, account=account, address=phone, direction=direction)
        flags = ("inbound",) if direction == "inbound" else ()
        self.contacts.append(Contact(
            self.now, whom.id, "call", event, account, phone, flags=flags, ours=False
        ))  # fmt: skip

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now() / 1000, UTC)

    @property
    def ours(self) -> list[Contact]:
        return [contact for contact in self.contacts if contact.ours]

    def _saw(self, channel: str, text: str, to: str) -> None:
        found = _NUMBER.search(text)
        assert found, text
        job = self.jobs[f"j{found[1]}"]
        assert to == address(job["recipient"], channel), (to, job)
        self.contacts.append(Contact(
            self.now, job["recipient"]["id"], channel, "sent", job["account"], to, job["role"], tuple(job["flags"]),
            job=job["id"],
        ))  # fmt: skip


class _Noting(list[Any]):
    def __init__(self, note: Callable[[Any], None]) -> None:
        super().__init__()
        self._note = note

    def append(self, taken: Any) -> None:
        super().append(taken)
        self._note(taken)
