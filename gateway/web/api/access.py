"""Who may: sessions of people, accounts, keys of systems. Every change of them is written down."""

from typing import Annotated, Literal, Protocol, assert_never

from msgspec import Meta, Struct

from gateway.web.api import cookie
from gateway.web.api.body import read
from gateway.web.api.paging import Paged, page
from gateway.web.api.principal import ROLES, Principal, Role
from gateway.web.api.route import Answer, Call, Route, refused

ADMIN: frozenset[Role] = frozenset({"admin"})
EVERYBODY: frozenset[Role] = frozenset(ROLES)
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
Reason = Annotated[str, Meta(min_length=3, max_length=500, pattern=r"^[^\x00-\x1f]*$")]
Roles = Annotated[list[Role], Meta(min_length=1, max_length=5)]
Tenants = Annotated[list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(min_length=1, max_length=100)]


class SignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's name and password."""

    name: Annotated[str, Meta(max_length=64)]
    password: Annotated[str, Meta(max_length=1024)]


class SignInWays(Struct, frozen=True, kw_only=True):
    """How people may sign in besides by name and password: `organisation`, by the house's own provider. `known`:
    whoever asks need not, since they are known (or nobody needs to be)."""

    organisation: bool
    known: bool


class Token(Struct, frozen=True, kw_only=True):
    """For `Authorization: Bearer <token>`; it is shown this once. `expires_at` is null for one that does not."""

    id: str
    token: str
    expires_at: str | None


class Me(Struct, frozen=True, kw_only=True):
    """Whoever asks, as the gateway knows them."""

    id: str
    kind: str
    roles: list[str]
    tenants: list[str]


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to be made."""

    name: Name
    password: Annotated[str, Meta(min_length=12, max_length=1024)]
    roles: Roles
    tenants: Tenants
    reason: Reason


class ChangedPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of an account; what is null stays."""

    roles: Roles | None = None
    disabled: bool | None = None
    reason: Reason


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of a system; `days` until it expires."""

    roles: Roles
    tenants: Tenants
    days: Annotated[int, Meta(ge=1, le=3660)] = 365
    reason: Reason


class Account(Struct, frozen=True, kw_only=True):
    """An account as administrators see it; `locked_until` after passwords that were wrong. `digest` is what `If-Match`
    must name to change it."""

    name: str
    digest: str
    roles: list[str]
    tenants: list[str]
    made_at: str
    disabled_at: str | None
    locked_until: str | None


class Accounts(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one."""

    people: list[Account]
    next: str | None


class KeyLine(Struct, frozen=True, kw_only=True):
    """A key of a system, or the session of a `person`, whose roles and tenants are those of the account. `made_by` is
    `configuration` for a key of the file, of which nobody knows when it was made or used."""

    id: str
    person: str | None
    roles: list[str]
    tenants: list[str]
    made_at: str | None
    made_by: str
    expires_at: str | None
    used_at: str | None
    revoked_at: str | None


class KeyLines(Struct, frozen=True, kw_only=True):
    """`next` is the cursor of the following page, null on the last one."""

    keys: list[KeyLine]
    next: str | None


class Access(Protocol):
    """Who keeps accounts and keys. Every method raises ConnectionError where the ledger cannot be had."""

    async def sign_in(self, wanted: SignIn) -> Token | None:
        """A session, None for a wrong name or password."""

    async def sign_out(self, who: Principal) -> None:
        """Ends the session of whoever asks."""

    async def add_person(self, who: Principal, wanted: NewPerson) -> str | None:
        """Why not, as a sentence, or None."""

    async def change_person(
        self, who: Principal, name: str, wanted: ChangedPerson, digest: str
    ) -> Literal["done", "gone", "stale"]:
        """Gone if nobody bears the name, stale if the account is another by now than the one of that digest."""

    async def people(self, cursor: str | None, most: int) -> Accounts:
        """A page of the accounts, by name. Raises BadCursor."""

    async def keys(self, cursor: str | None, most: int) -> KeyLines:
        """A page of keys and sessions, the newest first; those of the configuration on the first. Raises BadCursor."""

    async def add_key(self, who: Principal, wanted: NewKey) -> Token:
        """A new key."""

    async def revoke(self, who: Principal, name: str) -> bool:
        """False if there is no such key."""


def routes(access: Access, *, secure: bool, organisation: bool) -> list[Route]:
    """The routes of access; `secure` where browsers come by https alone, `organisation` where the house's own provider
    is a way to sign in."""
    return [_ways(organisation), *_sessions(access, secure=secure), *_accounts(access)]


def _ways(organisation: bool) -> Route:
    async def ways(call: Call) -> Answer:
        known = bool(call.principal.roles)
        return Answer(status=200, body=SignInWays(organisation=organisation, known=known))

    return Route(
        method="GET", path="/v1/sign-in-ways", name="list_sign_in_ways", summary="How people may sign in",
        roles=frozenset(), act=ways, answers={200: SignInWays}, public=True,
    )  # fmt: skip


def _sessions(access: Access, *, secure: bool) -> list[Route]:
    async def sign_in(call: Call) -> Answer:
        wanted = read(call.body, SignIn)
        if isinstance(wanted, Answer):
            return wanted
        token = await access.sign_in(wanted)
        if token is None:
            return refused(401, "Unauthorized", "name or password are wrong, or the account is locked for a while")
        return Answer(status=201, body=token, headers={"Set-Cookie": cookie.given(token.token, secure=secure)})

    async def sign_out(call: Call) -> Answer:
        await access.sign_out(call.principal)
        return Answer(status=204, headers={"Set-Cookie": cookie.TAKEN})

    async def me(call: Call) -> Answer:
        who = call.principal
        body = Me(id=who.id, kind=who.kind, roles=sorted(who.roles), tenants=sorted(who.tenants))
        return Answer(status=200, body=body)

    return [
        Route(
            method="POST", path="/v1/sessions", name="sign_in", summary="A session for a person", roles=frozenset(),
            act=sign_in, body=SignIn, answers={201: Token}, problems=(400, 413, 415, 503), public=True,
        ),
        Route(
            method="DELETE", path="/v1/sessions/current", name="sign_out", summary="Ends one's own session",
            roles=EVERYBODY, act=sign_out, answers={204: None}, problems=(503,),
        ),
        Route(
            method="GET", path="/v1/me", name="read_me", summary="Who one is to the gateway", roles=EVERYBODY, act=me,
            answers={200: Me},
        ),
    ]  # fmt: skip


def _accounts(access: Access) -> list[Route]:
    async def add_person(call: Call) -> Answer:
        wanted = read(call.body, NewPerson)
        if isinstance(wanted, Answer):
            return wanted
        why = await access.add_person(call.principal, wanted)
        return Answer(status=204) if why is None else refused(409, "Conflict", why)

    async def change_person(call: Call) -> Answer:
        wanted = read(call.body, ChangedPerson)
        if isinstance(wanted, Answer):
            return wanted
        if call.path["name"] == call.principal.id:
            return refused(403, "Forbidden", "nobody changes their own account: ask another administrator")
        match await access.change_person(call.principal, call.path["name"], wanted, call.match or ""):
            case "done":
                return Answer(status=204)
            case "gone":
                return refused(404, "Not Found", "nobody bears that name")
            case "stale":
                return refused(412, "Precondition Failed", "somebody changed the account meanwhile; look at it again")
            case other:
                assert_never(other)

    async def add_key(call: Call) -> Answer:
        wanted = read(call.body, NewKey)
        if isinstance(wanted, Answer):
            return wanted
        return Answer(status=201, body=await access.add_key(call.principal, wanted))

    async def revoke(call: Call) -> Answer:
        if not await access.revoke(call.principal, call.path["id"]):
            return refused(404, "Not Found", "there is no such key, or it was revoked before")
        return Answer(status=204)

    async def people(call: Call) -> Answer:
        return await page(access.people(call.query.cursor, call.query.limit))

    async def keys(call: Call) -> Answer:
        return await page(access.keys(call.query.cursor, call.query.limit))

    bad = (400, 413, 415, 503)
    return [
        Route(
            method="GET", path="/v1/people", name="list_people", summary="The accounts of people of the house",
            roles=ADMIN | {"auditor"}, act=people, answers={200: Accounts}, problems=(503,), query=Paged,
        ),
        Route(
            method="GET", path="/v1/keys", name="list_keys", summary="Keys and sessions, with when each was used last",
            roles=ADMIN | {"auditor"}, act=keys, answers={200: KeyLines}, problems=(503,), query=Paged,
        ),
        Route(
            method="POST", path="/v1/people", name="add_person", summary="Makes an account", roles=ADMIN,
            act=add_person, body=NewPerson, answers={204: None}, problems=(*bad, 409),
        ),
        Route(
            method="POST", path="/v1/people/{name}", name="change_person", roles=ADMIN, act=change_person,
            summary="Changes somebody's roles, or shuts them out; holds from the next request on",
            body=ChangedPerson, answers={204: None}, problems=(*bad, 404, 412, 428), match=True,
        ),
        Route(
            method="POST", path="/v1/keys", name="add_key", summary="A key for a system", roles=ADMIN, act=add_key,
            body=NewKey, answers={201: Token}, problems=bad,
        ),
        Route(
            method="DELETE", path="/v1/keys/{id}", name="revoke_key", summary="Ends a key or a session at once",
            roles=ADMIN, act=revoke, answers={204: None}, problems=(404, 503),
        ),
    ]  # fmt: skip
