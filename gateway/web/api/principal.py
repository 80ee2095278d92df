"""Who asks, and what they may: keys, roles and tenants. Pure; nothing here reads a clock or a store."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Literal, Protocol, get_args

from msgspec import Struct

from gateway.domain.clock import Instant

Role = Literal["producer", "ops", "compliance", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
EVERY_TENANT = "*"
_BEARER = re.compile(r"Bearer +([A-Za-z0-9_-]{1,64})\.([\x21-\x7e]{1,512})", re.IGNORECASE)

_TOKEN = re.compile(r"Bearer +(eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,16384}\.[A-Za-z0-9_-]{8,4096})", re.IGNORECASE)


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key as it is kept: only the SHA-256 of its secret, which is drawn by lot and needs no slow hash."""

    id: str
    sha256: str
    roles: tuple[str, ...]
    tenants: tuple[str, ...]
    expires: Instant | None = None
    person: str | None = None
    """whose session it is"""


class KeyBook(Protocol):
    """Where keys are found."""

    async def empty(self) -> bool:
        """Whether there is no key and no account at all: then the API answers on loopback only."""

    async def find(self, key_id: str) -> ApiKey | None:
        """The key of that id."""


class Issuer(Protocol):
    """Who vouches for people by tokens of their own (OpenID Connect)."""

    async def person(self, token: str) -> "Principal | None":
        """Whose token it is, None for one that does not hold. Raises ConnectionError where that cannot be known."""


class Principal(Struct, frozen=True, kw_only=True):
    """Whoever asks. `id` stands in the records of what was done."""

    id: str
    kind: Literal["key", "person", "local"]
    roles: frozenset[str]
    tenants: frozenset[str]
    by: str = ""
    """the key or session by which they came"""

    def may_see(self, tenant: str) -> bool:
        return EVERY_TENANT in self.tenants or tenant in self.tenants


ANYBODY = Principal(id="anybody", kind="local", roles=frozenset(), tenants=frozenset())
LOCAL = Principal(id="local", kind="local", roles=frozenset(ROLES), tenants=frozenset({EVERY_TENANT}))
"""Whoever asks from this machine while no key is configured."""


class Denied(Struct, frozen=True):
    """Why somebody is not let in: 401 without a key that holds, 403 where none would help."""

    status: Literal[401, 403]
    detail: str


class ConfiguredKeys:
    """The keys of `web.keys`."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = {key.id: key for key in keys}

    def all(self) -> list[ApiKey]:
        """In the order of the file."""
        return list(self._keys.values())

    async def empty(self) -> bool:
        return not self._keys

    async def find(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)


async def authenticate(
    authorization: str | None, loopback: bool, keys: KeyBook, now: Instant, issuer: Issuer | None = None
) -> Principal | Denied:  # fmt: skip
    """Who it is, by the header `Authorization: Bearer <id>.<secret>`, or a token of the issuer (three parts, RFC 7519),
    and where the request comes from."""
    if authorization is None and await keys.empty():
        if loopback:
            return LOCAL
        return Denied(403, "web.keys is empty, and without keys the API answers on the machine itself only")
    if authorization is None:
        return Denied(401, "a key is needed: Authorization: Bearer <id>.<secret>")
    if issuer is not None and (token := _TOKEN.fullmatch(authorization)):
        return await issuer.person(token[1]) or Denied(401, "the token does not hold; sign in again")
    parts = _BEARER.fullmatch(authorization)
    key = await keys.find(parts[1]) if parts else None
    given = hashlib.sha256((parts[2] if parts else "").encode()).hexdigest()
    if not hmac.compare_digest(given, key.sha256 if key else "0" * 64) or key is None:
        return Denied(401, "there is no such key, or its secret is another")
    if key.expires is not None and now >= key.expires:
        return Denied(401, "the key has expired; ask for a new one")
    roles, tenants = frozenset(key.roles), frozenset(key.tenants)
    if key.person is not None:
        return Principal(id=key.person, kind="person", roles=roles, tenants=tenants, by=key.id)
    return Principal(id=key.id, kind="key", roles=roles, tenants=tenants, by=key.id)
