"""What people and dashboards look at: the books, the messages and why, a person's calendar, what waits, the chain."""

from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct

from gateway.domain.clock import parse_instant
from gateway.queries.backlog import Backlog
from gateway.queries.calendar import Calendar
from gateway.queries.chain import Proof, SignedHead
from gateway.queries.engine import Engine
from gateway.queries.overview import Overview
from gateway.queries.providers import ProviderFigures
from gateway.queries.search import Filter, Page
from gateway.queries.state import ReminderState
from gateway.web.api.paging import Paged, page, wrong
from gateway.web.api.principal import EVERY_TENANT, Principal, Role
from gateway.web.api.route import Answer, Call, Nothing, Route, refused

READERS: frozenset[Role] = frozenset({"ops", "compliance", "auditor", "admin"})
SEES_PEOPLE: frozenset[Role] = frozenset({"ops", "compliance", "auditor"})
HOUSE: frozenset[Role] = frozenset({"ops", "auditor", "admin"})
REVEALS: frozenset[Role] = frozenset({"compliance", "auditor"})
Word = Annotated[str, Meta(min_length=1, max_length=128)] | None


class Days(Struct, frozen=True):
    """Figures are of so many days."""

    days: Annotated[int, Meta(ge=1, le=36_500)] = 1


class Search(Paged, frozen=True):
    """All that are given must agree."""

    job_id: Word = None
    recipient_id: Word = None
    account: Word = None
    address: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    provider_message_id: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    status: Word = None
    reason: Word = None
    rule: Word = None
    channel: Word = None
    provider: Word = None
    template: Word = None
    jurisdiction: Word = None


class Between(Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """Two moments, RFC 3339; by default all there is."""

    first: Annotated[str, Meta(max_length=40)] | None = None
    last: Annotated[str, Meta(max_length=40)] | None = None


class TrailLine(Struct, frozen=True, kw_only=True):
    """One entry of the chain about a job. `body` tells of nobody; `secret` is there once it was revealed."""

    seq: int
    at: str
    kind: str
    hash: str
    body: dict[str, Any]
    secret: dict[str, Any] | None = None


class Timeline(Struct, frozen=True, kw_only=True):
    """A job from its first step to its last."""

    state: ReminderState
    lines: list[TrailLine]


class Reveal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants to see in the clear, and why."""

    tenant: str
    recipient_id: str
    id: str
    reason: Annotated[str, Meta(min_length=3, max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class Views(Protocol):
    """Where figures and lists come from. Every method raises ConnectionError where the ledger cannot be had."""

    async def overview(self, tenants: frozenset[str] | None, days: int) -> Overview:
        """The books of these tenants, None for all."""

    async def providers(
        self, tenants: frozenset[str] | None, days: int, *, names: bool
    ) -> list[ProviderFigures]:  # fmt: skip
        """What providers took; with the names of a sample each of what went wrong, or without."""

    async def backlog(self, tenants: frozenset[str] | None) -> Backlog:
        """What waits."""

    async def engine(self) -> Engine:
        """What the gateway stands on."""

    async def search(self, tenants: frozenset[str] | None, wanted: Filter, cursor: str | None, most: int) -> Page:
        """A page of jobs. Raises BadCursor."""

    async def timeline(self, tenant: str, recipient: str, job: str, *, reveal: bool) -> Timeline | None:
        """A job's whole trail."""

    async def note_reveal(self, who: Principal, wanted: Reveal) -> None:
        """Writes down that somebody sees something in the clear, before it is shown."""

    async def calendar(self, tenant: str, recipient: str, first: int, last: int) -> Calendar | None:
        """A person's contacts and states."""

    async def head(self) -> SignedHead:
        """The end of the chain."""

    async def proof(self, seq: int, tenants: frozenset[str] | None) -> Proof | None:
        """That an entry belongs to it."""


def routes(views: Views) -> list[Route]:
    """The routes for reading."""
    return [*_figures(views), *_people(views), *_chain(views)]


def _figures(views: Views) -> list[Route]:
    async def overview(call: Call) -> Answer:
        return Answer(status=200, body=await views.overview(tenants_of(call.principal), call.query.days))

    async def providers(call: Call) -> Answer:
        who, names = tenants_of(call.principal), not SEES_PEOPLE.isdisjoint(call.principal.roles)
        return Answer(status=200, body=await views.providers(who, call.query.days, names=names))

    async def backlog(call: Call) -> Answer:
        return Answer(status=200, body=await views.backlog(tenants_of(call.principal)))

    async def engine(_call: Call) -> Answer:
        return Answer(status=200, body=await views.engine())

    return [
        Route(
            method="GET", path="/v1/engine", name="read_engine", roles=HOUSE, act=engine, answers={200: Engine},
            summary="What the gateway stands on, and what is wrong with it", problems=(503,),
        ),
        Route(
            method="GET", path="/v1/overview", name="read_overview", summary="The books, and where every job stands",
            roles=READERS, act=overview, answers={200: Overview}, problems=(503,), query=Days,
        ),
        Route(
            method="GET", path="/v1/providers", name="read_providers",
            summary="What providers took, by its state, what they refused, and how long it took",
            roles=READERS, act=providers, answers={200: list[ProviderFigures]}, problems=(503,), query=Days,
        ),
        Route(
            method="GET", path="/v1/lanes", name="read_lanes", summary="What waits, where, and until when",
            roles=READERS, act=backlog, answers={200: Backlog}, problems=(503,),
        ),
    ]  # fmt: skip


def _people(views: Views) -> list[Route]:
    async def search(call: Call) -> Answer:
        asked = call.query
        wanted = Filter(**{name: getattr(asked, name) for name in Filter.__struct_fields__})
        return await page(views.search(tenants_of(call.principal), wanted, asked.cursor, asked.limit))

    async def timeline(call: Call) -> Answer:
        tenant, recipient, job = (call.path[name] for name in ("tenant", "recipient_id", "id"))
        if not call.principal.may_see(tenant):
            return refused(403, "Forbidden", "the tenant is not yours")
        return _found(await views.timeline(tenant, recipient, job, reveal=False))

    async def calendar(call: Call) -> Answer:
        tenant, recipient = call.path["tenant"], call.path["recipient_id"]
        if not call.principal.may_see(tenant):
            return refused(403, "Forbidden", "the tenant is not yours")
        try:
            first = 0 if call.query.first is None else parse_instant(call.query.first)
            last = 1 << 62 if call.query.last is None else parse_instant(call.query.last)
        except ValueError as error:
            return wrong("from", str(error))
        return _found(await views.calendar(tenant, recipient, first, last))

    return [
        Route(
            method="GET", path="/v1/messages", name="search_messages", summary="Jobs by what is known of them",
            roles=SEES_PEOPLE, act=search, answers={200: Page}, problems=(503,), query=Search,
        ),
        Route(
            method="GET", path="/v1/messages/{tenant}/{recipient_id}/{id}/timeline", name="read_timeline",
            summary="Why it was, or was not, sent: every step, in order, with its entry in the chain",
            roles=SEES_PEOPLE | {"producer"}, act=timeline, answers={200: Timeline}, problems=(404, 503),
        ),
        Route(
            method="GET", path="/v1/people/{tenant}/{recipient_id}/calendar", name="read_calendar",
            summary="Every contact and state of a person, and what waits for them",
            roles=SEES_PEOPLE, act=calendar, answers={200: Calendar}, problems=(404, 503), query=Between,
        ),
    ]  # fmt: skip


def _chain(views: Views) -> list[Route]:
    async def head(_call: Call) -> Answer:
        return Answer(status=200, body=await views.head())

    async def proof(call: Call) -> Answer:
        if not call.path["seq"].isdecimal() or len(call.path["seq"]) > 18:
            return wrong("seq", "is no number of an entry")
        return _found(await views.proof(int(call.path["seq"]), tenants_of(call.principal)))

    return [
        Route(
            method="GET", path="/v1/ledger/head", name="read_ledger_head", summary="The signed end of the chain",
            roles=READERS, act=head, answers={200: SignedHead}, problems=(503,), query=Nothing,
        ),
        Route(
            method="GET", path="/v1/ledger/proof/{seq}", name="read_ledger_proof",
            summary="An entry, and its way to a signed anchor", roles=REVEALS, act=proof, answers={200: Proof},
            problems=(404, 503),
        ),
    ]  # fmt: skip


def tenants_of(principal: Principal) -> frozenset[str] | None:
    """Whose jobs somebody may see; None for everybody's."""
    return None if EVERY_TENANT in principal.tenants else principal.tenants


def _found(body: Any) -> Answer:
    return refused(404, "Not Found", "there is nothing of that name") if body is None else Answer(status=200, body=body)
