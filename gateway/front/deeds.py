"""Dead letters and switches as people handle them: every act is written down before it takes effect."""

from collections.abc import Mapping
from typing import Any

from gateway.bookkeeping.acts import Act, write_down
from gateway.domain.clock import Clock
from gateway.domain.command import Pause, parse_command
from gateway.domain.contact import parse_contact
from gateway.domain.errors import Fault
from gateway.domain.reminder import Reminder, parse_reminder
from gateway.front.behind import Behind, outage
from gateway.store.deadletters import DeadLetters
from gateway.web.api.deeds import Chosen, Foreseen, Letter, Letters, Replay, Replayed, Switch
from gateway.web.api.principal import Principal


class HouseDeeds:
    """Acts on the store, and tells the ledger who did."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock

    @property
    def _letters(self) -> DeadLetters:
        store = self._behind.store
        return DeadLetters(store.redis, store.keys)

    async def letters(self, most: int) -> Letters:
        found: list[Letter] = []
        with outage():
            total = await self._behind.store.redis.xlen(self._behind.store.keys.dead)
            async for letter in self._letters.all():
                if len(found) == most:
                    break
                found.append(Letter(id=letter.id, stream=letter.stream, error=letter.error))
        return Letters(letters=found, total=total)

    async def replay(self, who: Principal, wanted: Replay) -> Replayed:
        done = Replayed(replayed=[], gone=[], refused={})
        with outage():
            figures = {"ids": wanted.ids}
            act = Act(who=who.id, what="replay_dead_letters", why=wanted.reason, figures=figures)
            await write_down(self._behind.ledger, act, self.clock.now())
            for name in dict.fromkeys(wanted.ids):
                letter = await self._letters.find(name)
                answer = False if letter is None else await self._letters.replay(letter)
                if isinstance(answer, Fault):
                    done.refused[name] = answer.message
                else:
                    (done.replayed if answer else done.gone).append(name)
        return done

    async def foresee(self, wanted: Chosen) -> Foreseen:
        seen = Foreseen(readable=[], known=[], faulty={}, gone=[], refused={})
        with outage():
            for name in dict.fromkeys(wanted.ids):
                letter = await self._letters.find(name)
                if letter is None:
                    seen.gone.append(name)
                elif isinstance(fields := self._letters.originals(letter), Fault):
                    seen.refused[name] = fields.message
                elif isinstance(found := self._read(letter.stream, fields), Fault):
                    seen.faulty[name] = found.sentence
                else:
                    known = isinstance(found, Reminder) and await self._knows(found)
                    (seen.known if known else seen.readable).append(name)
        return seen

    def _read(self, stream: str, fields: Mapping[str, bytes]) -> object | Fault:
        """The document as the line would read it; what providers report is not looked into."""
        keys = self._behind.store.keys
        if stream in keys.lanes.values():
            return parse_reminder(fields.get("job", b""))
        if stream == keys.contacts:
            return parse_contact(fields.get("contact", b""))
        return parse_command(fields.get("command", b"")) if stream == keys.commands else fields

    async def _knows(self, job: Reminder) -> bool:
        store = self._behind.store
        client: Any = store.redis
        return bool(await client.exists(store.keys.job(job.tenant, job.recipient.id, job.id)))

    async def switches(self) -> list[Switch]:
        with outage():
            client: Any = self._behind.store.redis
            control = await client.hgetall(self._behind.store.keys.control)
        found = []
        for name, raw in control.items():
            if name[:2] == b"p:" and isinstance(pause := parse_command(raw), Pause):
                found.append(
                    Switch(
                        id=pause.id, tenant=pause.tenant, channel=pause.channel, provider=pause.provider,
                        template=pause.template, by=pause.by, at=pause.at,
                    )
                )  # fmt: skip
        return found
