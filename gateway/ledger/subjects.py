"""People and households by their pseudonyms, and the key of each: whoever destroys the key has erased the person.

The keys are in a store of their own, so that a backup of the ledger opens nothing, and theirs can expire sooner.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.domain.clock import Instant
from gateway.ledger.database import Database
from gateway.ledger.keyring import Keyring, Sealer
from gateway.ledger.tables import subjects

REMEMBERED = 50_000
"""sealers in memory"""
_AT_ONCE = 400

Kind = Literal["person", "household"]
Name = tuple[Kind, str, str]
"""kind, tenant, name"""


class Subject(Struct, frozen=True):
    """`uid` is the pseudonym, 32 hexadecimal digits drawn by lot; `sealer` is None once the key was destroyed."""

    uid: str
    sealer: Sealer | None


class Held(Exception):
    """An erasure is refused: a legal hold is on the person. The text is its reason."""


class Subjects:
    """Finds and makes subjects. Raises SQLAlchemyError, and KeyringError where a key does not open."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database, self.keyring = database, keyring
        self._known: OrderedDict[Name, Subject] = OrderedDict()

    async def all_of(self, names: Iterable[Name], now: Instant) -> dict[Name, Subject]:
        """The subjects of these names; who is new is given a pseudonym and a key, durably, before this returns."""
        wanted = list(dict.fromkeys(names))
        found = {name: self._known[name] for name in wanted if name in self._known}
        missing = [name for name in wanted if name not in found]
        if missing:
            found |= await self._look_up(missing)
            new = [name for name in missing if name not in found]
            if new:
                await self._make(new, now)
                found |= await self._look_up(new)
        for name in wanted:
            self._known[name] = found[name]
            self._known.move_to_end(name)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def find(self, kind: Kind, tenant: str, name: str) -> Subject | None:
        """The subject of a name, None if it was never seen or has been erased."""
        return (await self._look_up([(kind, tenant, name)])).get((kind, tenant, name))

    async def sealers(self, uids: Iterable[str]) -> dict[str, Sealer]:
        """The keys of these pseudonyms, as far as they still exist."""
        wanted = list(dict.fromkeys(uids))
        found: dict[str, Sealer] = {}
        async with self.database.read() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                chosen = select(subjects).where(subjects.c.uid.in_(wanted[start : start + _AT_ONCE]))
                for row in await connection.execute(chosen):
                    if row.wrapped is not None:
                        found[row.uid] = Sealer(self.keyring.unwrap(row.wrapped, row.uid, row.version))
        return found

    async def hold(self, uid: str, reason: str | None) -> None:
        """Puts a legal hold on a subject, or (None) lifts it."""
        async with self.database.write() as connection:
            await connection.execute(update(subjects).where(subjects.c.uid == uid).values(held=reason))

    async def held(self, uid: str) -> str | None:
        """The reason of a legal hold, None where there is none."""
        async with self.database.read() as connection:
            return await connection.scalar(select(subjects.c.held).where(subjects.c.uid == uid))

    async def destroy(self, uid: str, now: Instant) -> None:
        """Erases a subject: the key and the name by which it was found are gone for good. Raises Held."""
        async with self.database.write() as connection:
            reason = await connection.scalar(select(subjects.c.held).where(subjects.c.uid == uid))
            if reason is not None:
                raise Held(reason)
            gone = update(subjects).where(subjects.c.uid == uid).values(wrapped=None, blind=None, destroyed=now)
            await connection.execute(gone)
        self.forget()

    def forget(self) -> None:
        """Lets go of every key in memory: another process may have destroyed one."""
        self._known.clear()

    async def rewrap(self, most: int = _AT_ONCE) -> int:
        """Wraps keys that an older key-encryption key wraps by the latest; how many were left to do. Can be ended at
        any moment and begun again."""
        latest = self.keyring.version
        old = or_(subjects.c.version != latest, subjects.c.version.is_(None)) & subjects.c.wrapped.is_not(None)
        async with self.database.write() as connection:
            for row in list(await connection.execute(select(subjects).where(old).limit(most))):
                key = self.keyring.unwrap(row.wrapped, row.uid, row.version)
                renewed = {"wrapped": self.keyring.wrap(key, row.uid), "version": latest}
                await connection.execute(update(subjects).where(subjects.c.uid == row.uid).values(**renewed))
            return int(await connection.scalar(select(func.count()).select_from(subjects).where(old)) or 0)

    async def _look_up(self, names: list[Name]) -> dict[Name, Subject]:
        blinds = {self.keyring.blind(*name): name for name in names}
        found: dict[Name, Subject] = {}
        wanted = list(blinds)
        async with self.database.read() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                chosen = select(subjects).where(subjects.c.blind.in_(wanted[start : start + _AT_ONCE]))
                for row in await connection.execute(chosen):
                    key = None if row.wrapped is None else self.keyring.unwrap(row.wrapped, row.uid, row.version)
                    found[blinds[bytes(row.blind)]] = Subject(row.uid, None if key is None else Sealer(key))
        return found

    async def _make(self, names: list[Name], now: Instant) -> None:
        """Of two processes that make the same subject, both use that of the first."""
        rows = []
        for name in names:
            uid = secrets.token_hex(16)
            wrapped = self.keyring.wrap(secrets.token_bytes(32), uid)
            rows.append(
                {"uid": uid, "kind": name[0], "blind": self.keyring.blind(*name), "version": self.keyring.version,
                 "wrapped": wrapped, "made": now}
            )  # fmt: skip
        dialect = sqlite if self.database.sqlite else postgresql
        async with self.database.write() as connection:
            await connection.execute(dialect.insert(subjects).on_conflict_do_nothing(), rows)
