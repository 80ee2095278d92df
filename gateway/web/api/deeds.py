"""What people do: reveal, replay. Each is written down, with who and why, before it takes effect."""

from typing import Annotated, Protocol

from msgspec import Meta, Struct

from gateway.web.api.body import read
from gateway.web.api.principal import EVERY_TENANT, Principal
from gateway.web.api.route import Answer, Call, Route, refused
from gateway.web.api.views import REVEALS, Reveal, Timeline, Views

MOST_REPLAYED = 100
"""more than that needs a second person"""


class Letter(Struct, frozen=True, kw_only=True):
    """A dead letter, without what it holds of people."""

    id: str
    stream: str
    error: str


class Letters(Struct, frozen=True, kw_only=True):
    letters: list[Letter]
    total: int


class Switch(Struct, frozen=True, kw_only=True):
    """A pause in force: what it selects (null: everything), who asked and when."""

    id: str
    tenant: str | None
    channel: str | None
    provider: str | None
    template: str | None
    by: str
    at: str


class Replay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters go back to their streams, and why."""

    ids: Annotated[
        list[Annotated[str, Meta(pattern=r"^\d{1,18}-\d{1,18}$")]], Meta(min_length=1, max_length=MOST_REPLAYED)
    ]
    reason: Annotated[str, Meta(min_length=3, max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class Replayed(Struct, frozen=True, kw_only=True):
    """`gone` were replayed or dropped by somebody else, `refused` cannot be put back, each with why."""

    replayed: list[str]
    gone: list[str]
    refused: dict[str, str]


class Chosen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dead letters by their ids."""

    ids: Annotated[
        list[Annotated[str, Meta(pattern=r"^\d{1,18}-\d{1,18}$")]], Meta(min_length=1, max_length=MOST_REPLAYED)
    ]


class Foreseen(Struct, frozen=True, kw_only=True):
    """What would become of them: `readable` would be taken in now and judged like new ones, `known` are jobs that the
    store knows already and that nothing would follow, `faulty` would come back, each with its fault, `gone` are not
    there any more, `refused` cannot be put back, each with why."""

    readable: list[str]
    known: list[str]
    faulty: dict[str, str]
    gone: list[str]
    refused: dict[str, str]


class Deeds(Protocol):
    """Who does it. Every method raises ConnectionError where store or ledger cannot be had."""

    async def letters(self, most: int) -> Letters:
        """The oldest dead letters."""

    async def foresee(self, wanted: Chosen) -> Foreseen:
        """What a replay would do; changes nothing."""

    async def replay(self, who: Principal, wanted: Replay) -> Replayed:
        """Puts dead letters back, and writes down who did."""

    async def switches(self) -> list[Switch]:
        """The pauses in force."""


class Most(Struct, frozen=True):
    """How many at once."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


def routes(deeds: Deeds, views: Views) -> list[Route]:
    """The routes for acting."""

    async def letters(call: Call) -> Answer:
        if EVERY_TENANT not in call.principal.tenants:
            return _OF_ALL
        return Answer(status=200, body=await deeds.letters(call.query.limit))

    async def replay(call: Call) -> Answer:
        if EVERY_TENANT not in call.principal.tenants:
            return _OF_ALL
        wanted = read(call.body, Replay)
        return (
            wanted
            if isinstance(wanted, Answer)
            else Answer(status=200, body=await deeds.replay(call.principal, wanted))
        )

    async def foresee(call: Call) -> Answer:
        if EVERY_TENANT not in call.principal.tenants:
            return _OF_ALL
        wanted = read(call.body, Chosen)
        return wanted if isinstance(wanted, Answer) else Answer(status=200, body=await deeds.foresee(wanted))

    async def switches(call: Call) -> Answer:
        found = await deeds.switches()
        seen = [one for one in found if one.tenant is None or call.principal.may_see(one.tenant)]
        return Answer(status=200, body=seen)

    async def reveal(call: Call) -> Answer:
        wanted = read(call.body, Reveal)
        if isinstance(wanted, Answer):
            return wanted
        if not call.principal.may_see(wanted.tenant):
            return refused(403, "Forbidden", "the tenant is not yours")
        await views.note_reveal(call.principal, wanted)
        found = await views.timeline(wanted.tenant, wanted.recipient_id, wanted.id, reveal=True)
        return refused(404, "Not Found", "there is no such job") if found is None else Answer(status=200, body=found)

    bad = (400, 413, 415, 503)
    return [
        Route(
            method="GET", path="/v1/dead-letters", name="list_dead_letters", summary="What could not be read, and why",
            roles=frozenset({"ops", "compliance", "auditor"}), act=letters, answers={200: Letters}, problems=(503,),
            query=Most,
        ),
        Route(
            method="POST", path="/v1/dead-letters/replay", name="replay_dead_letters",
            summary="Puts dead letters back on the streams they came from", roles=frozenset({"ops"}), act=replay,
            body=Replay, answers={200: Replayed}, problems=(*bad, 409), once=True,
        ),
        Route(
            method="POST", path="/v1/dead-letters/preview", name="preview_replay",
            summary="What a replay would do; changes nothing", roles=frozenset({"ops"}), act=foresee, body=Chosen,
            answers={200: Foreseen}, problems=bad,
        ),
        Route(
            method="GET", path="/v1/switches", name="read_switches", summary="The pauses in force",
            roles=frozenset({"ops", "compliance", "auditor", "admin"}), act=switches, answers={200: list[Switch]},
            problems=(503,),
        ),
        Route(
            method="POST", path="/v1/reveals", name="reveal", roles=REVEALS, act=reveal, body=Reveal,
            summary="A job's trail in the clear: words, addresses, figures; who asked and why is written down first",
            answers={200: Timeline}, problems=(*bad, 404),
        ),
    ]  # fmt: skip


_OF_ALL = refused(403, "Forbidden", "what could not be read may be of any tenant: this needs a key for all of them")
