"""Accounts, sessions and keys in the ledger's database, beside the keys of the configuration."""

from typing import Any, Literal

from gateway.bookkeeping.acts import Act, write_down
from gateway.bookkeeping.people import (
    Fresh,
    add_person,
    anybody,
    change_person,
    digest_of,
    find_pass,
    issue,
    passes_before,
    people_after,
    read_words,
    revoke,
    rights,
    sign_in,
)
from gateway.domain.clock import DAY, Clock, Instant, format_instant
from gateway.front.behind import Behind, outage
from gateway.queries.cursor import Name, Number, read_cursor, write_cursor
from gateway.web.api.access import (
    Account,
    Accounts,
    ChangedPerson,
    KeyLine,
    KeyLines,
    NewKey,
    NewPerson,
    SignIn,
    Token,
)
from gateway.web.api.principal import ApiKey, ConfiguredKeys, Principal


class HouseKeys:
    """The keys of the configuration, then those that were made since, and sessions."""

    def __init__(self, configured: ConfiguredKeys, behind: Behind, clock: Clock, *, vouched: bool = False) -> None:
        """`vouched` where people of a provider may sign in: then it is never open to whoever is on the machine."""
        self._configured, self._behind, self.clock, self._vouched = configured, behind, clock, vouched

    async def empty(self) -> bool:
        if self._vouched or not await self._configured.empty():
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

    def __init__(self, configured: ConfiguredKeys, behind: Behind, clock: Clock) -> None:
        self._configured, self._behind, self.clock = configured, behind, clock

    async def sign_in(self, wanted: SignIn) -> Token | None:
        with outage():
            fresh = await sign_in(self._behind.ledger, wanted.name, wanted.password, self.clock.now())
            if fresh is not None:
                await self._act(wanted.name, "sign_in", "a session was begun", id=fresh.id)
        return None if fresh is None else _token(fresh)

    async def sign_in_vouched(self, who: Principal, longest: int) -> Token:
        """A new session of a person whom the provider vouches for, with the roles that it told of, for `longest` ms.
        Raises ConnectionError."""
        with outage():
            now = self.clock.now()
            roles, tenants = sorted(who.roles), sorted(who.tenants)
            fresh = await issue(self._behind.ledger, roles, tenants, who.id, now, expires=now + longest, person=who.id)
            await self._act(who.id, "sign_in", "a session was begun", id=fresh.id, roles=roles)
        return _token(fresh)

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

    async def change_person(
        self, who: Principal, name: str, wanted: ChangedPerson, digest: str
    ) -> Literal["done", "gone", "stale"]:
        with outage():
            told = {"name": name, "roles": wanted.roles, "disabled": wanted.disabled}
            await self._act(who.id, "change_person", wanted.reason, **told)
            return await change_person(
                self._behind.ledger, name, digest, self.clock.now(), roles=wanted.roles, disabled=wanted.disabled
            )

    async def people(self, cursor: str | None, most: int) -> Accounts:
        after = "" if cursor is None else read_cursor(cursor, Name)
        with outage():
            rows = await people_after(self._behind.ledger, after, most + 1)
        following = write_cursor(rows[most - 1].name) if len(rows) > most else None
        return Accounts(people=[_account(row, self.clock.now()) for row in rows[:most]], next=following)

    async def keys(self, cursor: str | None, most: int) -> KeyLines:
        before = None if cursor is None else read_cursor(cursor, tuple[Number, Name])
        with outage():
            rows = await passes_before(self._behind.ledger, before, most + 1)
        following = write_cursor((rows[most - 1].made, rows[most - 1].id)) if len(rows) > most else None
        configured = [] if cursor is not None else [_configured(key) for key in self._configured.all()]
        return KeyLines(keys=configured + [_key(row) for row in rows[:most]], next=following)

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


def _account(row: Any, now: Instant) -> Account:
    return Account(
        name=row.name, digest=digest_of(row), roles=list(read_words(row.roles)), tenants=list(read_words(row.tenants)),
        made_at=format_instant(row.made), disabled_at=_time(row.disabled),
        locked_until=_time(row.locked if row.locked > now else None),
    )  # fmt: skip


def _key(row: Any) -> KeyLine:
    roles, tenants = rights(row)
    return KeyLine(
        id=row.id, person=row.person, roles=list(read_words(roles or "[]")), tenants=list(read_words(tenants or "[]")),
        made_at=format_instant(row.made), made_by=row.made_by, expires_at=_time(row.expires),
        used_at=format_instant(row.used), revoked_at=_time(row.revoked),
    )  # fmt: skip


def _configured(key: ApiKey) -> KeyLine:
    return KeyLine(
        id=key.id, person=None, roles=sorted(key.roles), tenants=sorted(key.tenants), made_at=None,
        made_by="configuration", expires_at=None, used_at=None, revoked_at=None,
    )  # fmt: skip


def _time(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
