"""Dead letters and switches as people handle them: every act is written down before it takes effect."""

from typing import Any

from gateway.bookkeeping.acts import Act, write_down
from gateway.domain.clock import Clock
from gateway.domain.command import Pause, parse_command
from gateway.domain.errors import Fault
from gateway.front.behind import Behind, outage
from gateway.store.deadletters import DeadLetters
from gateway.web.api.deeds import Letter, Letters, Replay, Replayed, Switch
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
