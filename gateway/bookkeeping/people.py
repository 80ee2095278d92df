"""Who may act: accounts of people, their sessions, and keys of systems that are made while the gateway runs.

A password is kept as an argon2id hash (RFC 9106); the secret of a session or a key is drawn by lot and kept as its
SHA-256. Roles count from the next request on (OWASP ASVS 8.3.2).
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from msgspec import Struct
from sqlalchemy import insert, select, tuple_, update

from gateway.bookkeeping.keeper import Books
from gateway.domain.clock import HOUR, MINUTE, Instant
from gateway.ledger.tables import passes, people

LEAST_PASSWORD = 12
"""characters (NIST SP 800-63B asks for 8, and for 15 without a second factor)"""
IDLE_MS, SESSION_MS = 15 * MINUTE, 8 * HOUR
"""after so long without a request, and at the latest, a session ends"""
MOST_FAILURES, LOCK_MS = 5, 15 * MINUTE
SESSION = "session-"
VOUCHED = "oidc:"
"""begins the name of a person whom the house's provider vouches for; no account is named so"""

_hasher = PasswordHasher()


class Pass(Struct, frozen=True, kw_only=True):
    """A key of a system, or the session of a person."""

    id: str
    sha256: str
    roles: tuple[str, ...]
    tenants: tuple[str, ...]
    expires: Instant | None
    person: str | None


class Fresh(Struct, frozen=True, kw_only=True):
    """A pass that was just made; its token is shown once."""

    id: str
    token: str
    expires: Instant | None


async def add_person(
    books: Books, name: str, password: str, roles: Sequence[str], tenants: Sequence[str], now: Instant
) -> str | None:  # fmt: skip
    """Makes an account; why not, as a sentence, or None. Raises SQLAlchemyError."""
    if len(password) < LEAST_PASSWORD:
        return f"a password has at least {LEAST_PASSWORD} characters"
    if name.startswith(VOUCHED):
        return f"names that begin with {VOUCHED} are those of people whom the provider vouches for"
    hashed = await asyncio.to_thread(_hasher.hash, password)
    row = {"name": name, "password": hashed, "roles": _list(roles), "tenants": _list(tenants), "made": now,
           "disabled": None, "failures": 0, "locked": 0}  # fmt: skip
    async with books.ledger.write() as connection:
        if await connection.scalar(select(people.c.name).where(people.c.name == name)) is not None:
            return f"{name} is there already"
        await connection.execute(insert(people).values(**row))
    return None


def digest_of(row: Any) -> str:
    """What an account is, as far as somebody can change it; of its row."""
    return hashlib.sha256(f"{row.name}\x1f{row.roles}\x1f{row.tenants}\x1f{row.disabled}".encode()).hexdigest()


async def change_person(
    books: Books, name: str, digest: str, now: Instant, *, roles: Sequence[str] | None = None,
    disabled: bool | None = None,
) -> Literal["done", "gone", "stale"]:  # fmt: skip
    """Changes somebody's roles or shuts them out, sessions too; gone if nobody bears the name, stale if the account is
    not that of the digest any more. Raises SQLAlchemyError."""
    values: dict[str, object] = {} if roles is None else {"roles": _list(roles)}
    if disabled is not None:
        values["disabled"] = now if disabled else None
    async with books.ledger.write() as connection:
        row = (await connection.execute(select(people).where(people.c.name == name))).first()
        if row is None:
            return "gone"
        if digest_of(row) != digest:
            return "stale"
        if values:
            await connection.execute(update(people).where(people.c.name == name).values(**values))
        return "done"


async def sign_in(books: Books, name: str, password: str, now: Instant) -> Fresh | None:
    """A session for whoever knows the password, None else, whatever the reason. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        row = (await connection.execute(select(people).where(people.c.name == name))).first()
    good = await asyncio.to_thread(_verified, None if row is None else row.password, password)
    if row is None:
        return None
    if row.disabled is not None or row.locked > now:
        return None
    async with books.ledger.write() as connection:
        failures = 0 if good else row.failures + 1
        locked = now + LOCK_MS if failures >= MOST_FAILURES else 0
        counted = {"failures": 0 if locked else failures, "locked": locked}
        await connection.execute(update(people).where(people.c.name == name).values(**counted))
    if not good:
        return None
    return await issue(books, (), (), name, now, expires=now + SESSION_MS, person=name)


async def issue(
    books: Books, roles: Sequence[str], tenants: Sequence[str], by: str, now: Instant, *,
    expires: Instant | None, person: str | None = None,
) -> Fresh:  # fmt: skip
    """A new key for a system, or a session of a person. Raises SQLAlchemyError."""
    secret = secrets.token_urlsafe(24)
    name = (SESSION if person is not None else "key-") + secrets.token_hex(8)
    row = {
        "id": name, "sha256": hashlib.sha256(secret.encode()).hexdigest(), "person": person, "roles": _list(roles),
        "tenants": _list(tenants), "made": now, "made_by": by, "expires": expires, "used": now, "revoked": None,
    }  # fmt: skip
    async with books.ledger.write() as connection:
        await connection.execute(insert(passes).values(**row))
    return Fresh(id=name, token=f"{name}.{secret}", expires=expires)


async def revoke(books: Books, name: str, now: Instant) -> bool:
    """Ends a key or a session at once; False if there is none of that name. Raises SQLAlchemyError."""
    async with books.ledger.write() as connection:
        mine = passes.c.id == name, passes.c.revoked.is_(None)
        done = await connection.execute(update(passes).where(*mine).values(revoked=now))
        return bool(done.rowcount)


async def find_pass(books: Books, name: str, now: Instant) -> Pass | None:
    """The pass of that name while it holds, with the roles that its person has now. Raises SQLAlchemyError."""
    joined = passes.outerjoin(people, passes.c.person == people.c.name)
    chosen = select(passes, people.c.roles.label("own"), people.c.tenants.label("theirs"), people.c.disabled)
    async with books.ledger.read() as connection:
        row = (await connection.execute(chosen.select_from(joined).where(passes.c.id == name))).first()
    if row is None or row.revoked is not None or row.disabled is not None:
        return None
    roles, tenants = rights(row)
    if row.person is not None and (roles is None or now >= row.used + IDLE_MS):
        return None
    if now - row.used > MINUTE:  # when it was used last is told to the minute
        async with books.ledger.write() as connection:
            await connection.execute(update(passes).where(passes.c.id == name).values(used=now))
    return Pass(
        id=row.id, sha256=row.sha256, roles=read_words(roles or "[]"), tenants=read_words(tenants or "[]"),
        expires=row.expires, person=row.person,
    )  # fmt: skip


def rights(row: Any) -> tuple[str | None, str | None]:
    """Roles and tenants of a pass as they are kept: an account's as they are now, None where there is no such account;
    a key's own; and where the provider vouches those that it told of when the session was begun."""
    if row.person is None or row.person.startswith(VOUCHED):
        return row.roles, row.tenants
    return row.own, row.theirs


async def anybody(books: Books) -> bool:
    """Whether there is any account or key at all. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        for column in (people.c.name, passes.c.id):
            if await connection.scalar(select(column).limit(1)) is not None:
                return True
    return False


async def people_after(books: Books, after: str, most: int) -> Sequence[Any]:
    """Rows of accounts by name. Raises SQLAlchemyError."""
    async with books.ledger.read() as connection:
        chosen = select(people).where(people.c.name > after).order_by(people.c.name).limit(most)
        return list(await connection.execute(chosen))


async def passes_before(books: Books, before: tuple[Instant, str] | None, most: int) -> Sequence[Any]:
    """Rows of keys and sessions, the newest first, with the roles and tenants that they have now. Raises
    SQLAlchemyError."""
    own, theirs = people.c.roles.label("own"), people.c.tenants.label("theirs")
    chosen = select(passes, own, theirs).select_from(passes.outerjoin(people, passes.c.person == people.c.name))
    if before is not None:
        chosen = chosen.where(tuple_(passes.c.made, passes.c.id) < tuple_(*before))
    async with books.ledger.read() as connection:
        ordered = chosen.order_by(passes.c.made.desc(), passes.c.id.desc()).limit(most)
        return list(await connection.execute(ordered))


@cache
def _nobody() -> str:
    """Verified for a name that nobody bears, so that it takes as long."""
    return _hasher.hash(secrets.token_hex(16))


def _verified(hashed: str | None, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _nobody(), password)
    except VerificationError:
        return False


def _list(words: Sequence[str]) -> str:
    return msgspec.json.encode(list(words)).decode()


def read_words(text: str) -> tuple[str, ...]:
    """A list of roles or tenants as it is kept."""
    return msgspec.json.decode(text, type=tuple[str, ...])
