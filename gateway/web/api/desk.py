"""What waits for a person or is there to be looked through: sends in doubt, states of people, what was done."""

from typing import Literal, Protocol

from msgspec import Struct

from gateway.queries.deeds import Deeds
from gateway.queries.doubts import Doubts
from gateway.queries.replies import Replies, Words
from gateway.queries.standings import Standings
from gateway.web.api.access import Reason
from gateway.web.api.body import read
from gateway.web.api.paging import Paged, page, wrong
from gateway.web.api.principal import Principal
from gateway.web.api.route import Answer, Call, Route, refused
from gateway.web.api.views import READERS, REVEALS, SEES_PEOPLE, Word, tenants_of


class PagedStates(Paged, frozen=True):
    """Of one state alone, or of all."""

    state: Word = None


class PagedReplies(Paged, frozen=True):
    """All, or only those that wait for a person."""

    waiting: Literal["true", "false"] = "false"


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the provider says of a send in doubt by another way than its reports: that it took it, or that it arrived.
    `evidence` names the letter, ticket or list in which it does. That it was never sent nobody can attest here."""

    status: Literal["sent", "delivered"]
    evidence: Reason
    reason: Reason


class Why(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody reads what a person wrote, or what they did about it."""

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

    async def replies(
        self, tenants: frozenset[str] | None, waiting: bool, cursor: str | None, most: int
    ) -> Replies:  # fmt: skip
        """What people wrote back, all or only what waits for a person, the newest first."""

    async def read_reply(self, who: Principal, tenants: frozenset[str] | None, seq: int, why: str) -> Words | None:
        """The words of a reply, once it is written down that they are read; None if there is no such reply."""

    async def settle_reply(self, who: Principal, tenants: frozenset[str] | None, seq: int, why: str) -> bool:
        """Writes down that somebody looked after a reply; False if there is no such reply."""

    async def states(
        self, tenants: frozenset[str] | None, state: str | None, cursor: str | None, most: int
    ) -> Standings:  # fmt: skip
        """States in force, the newest first."""

    async def acts(self, tenants: frozenset[str] | None, cursor: str | None, most: int) -> Deeds:
        """What was done, the newest first."""


def routes(desk: Desk) -> list[Route]:
    """The routes of the desk."""
    return [*_doubts(desk), *_replies(desk), *_lists(desk)]


def _replies(desk: Desk) -> list[Route]:
    async def replies(call: Call) -> Answer:
        asked = call.query
        waiting = asked.waiting == "true"
        return await page(desk.replies(tenants_of(call.principal), waiting, asked.cursor, asked.limit))

    async def words(call: Call) -> Answer:
        asked = _asked(call)
        if isinstance(asked, Answer):
            return asked
        found = await desk.read_reply(call.principal, tenants_of(call.principal), *asked)
        return _NO_REPLY if found is None else Answer(status=200, body=found)

    async def settle(call: Call) -> Answer:
        asked = _asked(call)
        if isinstance(asked, Answer):
            return asked
        done = await desk.settle_reply(call.principal, tenants_of(call.principal), *asked)
        return Answer(status=204) if done else _NO_REPLY

    bad = (400, 404, 413, 415, 503)
    return [
        Route(
            method="GET", path="/v1/replies", name="list_replies", roles=SEES_PEOPLE, act=replies, query=PagedReplies,
            summary="What people wrote back, and whether somebody looked after it, the newest first",
            answers={200: Replies}, problems=(503,),
        ),
        Route(
            method="POST", path="/v1/replies/{seq}/words", name="read_reply", roles=REVEALS, act=words, body=Why,
            summary="The words of a reply; that they are read is written down first", answers={200: Words},
            problems=bad,
        ),
        Route(
            method="POST", path="/v1/replies/{seq}/settled", name="settle_reply", act=settle, body=Why,
            roles=frozenset({"ops", "compliance"}), summary="That somebody looked after a reply", answers={204: None},
            problems=(*bad, 409), once=True,
        ),
    ]  # fmt: skip


_NO_REPLY = refused(404, "Not Found", "there is no such reply")


def _asked(call: Call) -> tuple[int, str] | Answer:
    told, seq = read(call.body, Why), call.path["seq"]
    if isinstance(told, Answer):
        return told
    if not seq.isdecimal() or len(seq) > 18:
        return wrong("seq", "is no number of an entry")
    return int(seq), told.reason


def _doubts(desk: Desk) -> list[Route]:

    async def doubts(call: Call) -> Answer:
        return await page(desk.doubts(tenants_of(call.principal), call.query.cursor, call.query.limit))

    async def attest(call: Call) -> Answer:
        told = read(call.body, Evidence)
        if isinstance(told, Answer):
            return told
        if not await desk.attest(call.principal, tenants_of(call.principal), call.path["reference"], told):
            return refused(404, "Not Found", "no send of that reference is in doubt")
        return Answer(status=202)

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
    ]  # fmt: skip


def _lists(desk: Desk) -> list[Route]:
    async def states(call: Call) -> Answer:
        asked = call.query
        return await page(desk.states(tenants_of(call.principal), asked.state, asked.cursor, asked.limit))

    async def acts(call: Call) -> Answer:
        return await page(desk.acts(tenants_of(call.principal), call.query.cursor, call.query.limit))

    return [
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
