"""What waits for a person or is there to be looked through: sends in doubt, states of people, what was done."""

from typing import Literal, Protocol

from msgspec import Struct

from gateway.queries.deeds import Deeds
from gateway.queries.doubts import Doubts
from gateway.queries.standings import Standings
from gateway.web.api.access import Reason
from gateway.web.api.body import read
from gateway.web.api.paging import Paged, page
from gateway.web.api.principal import Principal
from gateway.web.api.route import Answer, Call, Route, refused
from gateway.web.api.views import READERS, SEES_PEOPLE, Word, tenants_of


class PagedStates(Paged, frozen=True):
    """Of one state alone, or of all."""

    state: Word = None


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the provider says of a send in doubt by another way than its reports: that it took it, or that it arrived.
    `evidence` names the letter, ticket or list in which it does. That it was never sent nobody can attest here."""

    status: Literal["sent", "delivered"]
    evidence: Reason
    reason: Reason


class Desk(Protocol):
    """Where the lists come from. Every method raises ConnectionError where ledger or store cannot be had, and those
    with a cursor BadCursor."""

    async def doubts(self, tenants: frozenset[str] | None, cursor: str | None, most: int) -> Doubts:
        """Sends in doubt, the oldest first."""

    async def attest(
        self, who: Principal, tenants: frozenset[str] | None, reference: str, told: Evidence
    ) -> bool:  # fmt: skip
        """Writes down what a provider says of a send in doubt, and lets the line know; False if none of these tenants
        is in doubt."""

    async def states(
        self, tenants: frozenset[str] | None, state: str | None, cursor: str | None, most: int
    ) -> Standings:  # fmt: skip
        """States in force, the newest first."""

    async def acts(self, tenants: frozenset[str] | None, cursor: str | None, most: int) -> Deeds:
        """What was done, the newest first."""


def routes(desk: Desk) -> list[Route]:
    """The routes of the desk."""

    async def doubts(call: Call) -> Answer:
        return await page(desk.doubts(tenants_of(call.principal), call.query.cursor, call.query.limit))

    async def attest(call: Call) -> Answer:
        told = read(call.body, Evidence)
        if isinstance(told, Answer):
            return told
        if not await desk.attest(call.principal, tenants_of(call.principal), call.path["reference"], told):
            return refused(404, "Not Found", "no send of that reference is in doubt")
        return Answer(status=202)

    async def states(call: Call) -> Answer:
        asked = call.query
        return await page(desk.states(tenants_of(call.principal), asked.state, asked.cursor, asked.limit))

    async def acts(call: Call) -> Answer:
        return await page(desk.acts(tenants_of(call.principal), call.query.cursor, call.query.limit))

    return [
        Route(
            method="GET", path="/v1/in-doubt", name="list_doubts", roles=SEES_PEOPLE, act=doubts, query=Paged,
            summary="Sends of which nobody knows whether they left, the oldest first", answers={200: Doubts},
            problems=(503,),
        ),
        Route(
            method="POST", path="/v1/in-doubt/{reference}", name="attest_doubt", roles=frozenset({"ops"}), act=attest,
            summary="What the provider says of a send in doubt; there is no way to send it again", body=Evidence,
            answers={202: None}, problems=(400, 404, 409, 413, 415, 503), once=True,
        ),
        Route(
            method="GET", path="/v1/states", name="list_states", roles=SEES_PEOPLE, act=states, query=PagedStates,
            summary="Who said stop, and every other state in force, the newest first", answers={200: Standings},
            problems=(503,),
        ),
        Route(
            method="GET", path="/v1/acts", name="list_acts", roles=READERS, act=acts, query=Paged,
            summary="What people did, with who and why, the newest first", answers={200: Deeds}, problems=(503,),
        ),
    ]  # fmt: skip
