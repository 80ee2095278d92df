"""Accounts, sessions and keys in the ledger's database, beside the keys of the configuration."""

from gateway.bookkeeping.acts import Act, write_down
from gateway.bookkeeping.people import (
    Fresh,
    add_person,
    anybody,
    change_person,
    find_pass,
    issue,
    revoke,
    sign_in,
)
from gateway.domain.clock import DAY, Clock, format_instant
from gateway.front.behind import Behind, outage
from gateway.web.api.access import ChangedPerson, NewKey, NewPerson, SignIn, Token
from gateway.web.api.principal import ApiKey, ConfiguredKeys, Principal


class HouseKeys:
    """The keys of the configuration, then those that were made since, and sessions."""

    def __init__(self, configured: ConfiguredKeys, behind: Behind, clock: Clock) -> None:
        self._configured, self._behind, self.clock = configured, behind, clock

    async def empty(self) -> bool:
        if not await self._configured.empty():
            return False
        if self._behind.books is None:
            return True
        with outage():
            return not await anybody(self._behind.books)

    async def find(self, key_id: str) -> ApiKey | None:
        found = await self._configured.find(key_id)
        if found is not None or self._behind.books is None:
            return found
        with outage():
            own = await find_pass(self._behind.books, key_id, self.clock.now())
        if own is None:
            return None
        return ApiKey(
            id=own.id, sha256=own.sha256, roles=own.roles, tenants=own.tenants, expires=own.expires, person=own.person
        )  # fmt: skip


class HouseAccess:
    """Changes them, and writes down who did."""

    def __init__(self, behind: Behind, clock: Clock) -> None:
        self._behind, self.clock = behind, clock

    async def sign_in(self, wanted: SignIn) -> Token | None:
        with outage():
            fresh = await sign_in(self._behind.ledger, wanted.name, wanted.password, self.clock.now())
            if fresh is not None:
                await self._act(wanted.name, "sign_in", "a session was begun", id=fresh.id)
        return None if fresh is None else _token(fresh)

    async def sign_out(self, who: Principal) -> None:
        with outage():
            if who.kind == "person":
                await revoke(self._behind.ledger, who.by, self.clock.now())
                await self._act(who.id, "sign_out", "a session was ended", id=who.by)

    async def add_person(self, who: Principal, wanted: NewPerson) -> str | None:
        with outage():
            told = {"name": wanted.name, "roles": list(wanted.roles), "tenants": wanted.tenants}
            await self._act(who.id, "add_person", wanted.reason, **told)
            return await add_person(
                self._behind.ledger, wanted.name, wanted.password, wanted.roles, wanted.tenants, self.clock.now()
            )

    async def change_person(self, who: Principal, name: str, wanted: ChangedPerson) -> bool:
        with outage():
            told = {"name": name, "roles": wanted.roles, "disabled": wanted.disabled}
            await self._act(who.id, "change_person", wanted.reason, **told)
            return await change_person(
                self._behind.ledger, name, self.clock.now(), roles=wanted.roles, disabled=wanted.disabled
            )

    async def add_key(self, who: Principal, wanted: NewKey) -> Token:
        with outage():
            now = self.clock.now()
            told = {"roles": list(wanted.roles), "tenants": wanted.tenants, "days": wanted.days}
            await self._act(who.id, "add_key", wanted.reason, **told)
            expires = now + wanted.days * DAY
            return _token(await issue(self._behind.ledger, wanted.roles, wanted.tenants, who.id, now, expires=expires))

    async def revoke(self, who: Principal, name: str) -> bool:
        with outage():
            await self._act(who.id, "revoke", "a key or a session was ended", id=name)
            return await revoke(self._behind.ledger, name, self.clock.now())

    async def _act(self, who: str, what: str, why: str, **figures: object) -> None:
        act = Act(who=who, what=what, why=why, figures=figures)
        await write_down(self._behind.ledger, act, self.clock.now())


def _token(fresh: Fresh) -> Token:
    expires = None if fresh.expires is None else format_instant(fresh.expires)
    return Token(id=fresh.id, token=fresh.token, expires_at=expires)
