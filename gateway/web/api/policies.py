"""Policies: what is in force, what somebody wants, what that would have done, and the second person's word."""

from typing import Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct

from gateway.domain.clock import parse_instant
from gateway.web.api.access import Reason
from gateway.web.api.body import read
from gateway.web.api.principal import Principal, Role
from gateway.web.api.route import Answer, Call, Route, refused
from gateway.web.api.views import READERS

OFFICERS: frozenset[Role] = frozenset({"compliance"})
Code = Annotated[str, Meta(pattern=r"^(house|[A-Z]{2}(-[A-Z0-9]{1,3})?)$")]
STATUS: dict[str, int] = {"invalid": 422, "self": 403, "stale": 412, "gone": 404, "early": 422, "decided": 409}
TITLES = {422: "Unprocessable Content", 403: "Forbidden", 412: "Precondition Failed", 404: "Not Found", 409: "Conflict"}


class PackInForce(Struct, frozen=True, kw_only=True):
    """A pack by its code, with its label `code@version` and its text."""

    code: str
    label: str
    text: str


class NewProposal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack as it should be; `effective_from` (RFC 3339) no sooner than it may be."""

    code: Code
    text: Annotated[str, Meta(min_length=1, max_length=256_000)]
    effective_from: Annotated[str, Meta(max_length=40)] | None = None
    reason: Reason


class Word(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the second person says to it."""

    comment: Reason


class ProposalTold(Struct, frozen=True, kw_only=True):
    """A proposal. `digest` is what `If-Match` must name to decide it; `changes` tells what becomes of each rule."""

    id: str
    code: str
    base: str
    digest: str
    looser: bool
    changes: dict[str, str]
    state: str
    proposer: str
    proposed_at: str
    reason: str
    effective_from: str
    decided_at: str | None
    decider: str | None
    comment: str | None
    text: str


class Refusal(Struct, frozen=True):
    """Why not: a word of `STATUS`, and a sentence."""

    word: str
    sentence: str


class StateQuery(Struct, frozen=True):
    """Which proposals: in a state, of a pack."""

    state: Literal["open", "approved", "published", "returned"] | None = None
    code: Code | None = None


class DaysBack(Struct, frozen=True):
    """How far back to try it."""

    days: Annotated[int, Meta(ge=1, le=366)] = 30


class Policies(Protocol):
    """Who keeps them. Every method raises ConnectionError where store or ledger cannot be had."""

    async def in_force(self) -> list[PackInForce]:
        """Every pack that judges now."""

    async def propose(self, who: Principal, wanted: NewProposal, effective: int) -> ProposalTold | Refusal:
        """Writes a proposal down."""

    async def proposals(self, state: Any, code: str | None) -> list[ProposalTold]:
        """The newest thousand, the newest first."""

    async def proposal(self, id_: str) -> ProposalTold | None:
        """One of them."""

    async def decide(
        self, who: Principal, id_: str, digest: str, comment: str, *, approve: bool
    ) -> ProposalTold | Refusal:
        """The second person's word."""

    async def backtest(self, id_: str, days: int) -> dict[str, Any] | None:
        """What it would have done."""


def routes(policies: Policies) -> list[Route]:
    """The routes of policy."""
    return [*_reading(policies), *_deciding(policies)]


def _reading(policies: Policies) -> list[Route]:
    async def in_force(_call: Call) -> Answer:
        return Answer(status=200, body=await policies.in_force())

    async def proposals(call: Call) -> Answer:
        return Answer(status=200, body=await policies.proposals(call.query.state, call.query.code))

    async def proposal(call: Call) -> Answer:
        found = await policies.proposal(call.path["id"])
        if found is None:
            return refused(404, "Not Found", "there is no such proposal")
        return Answer(status=200, body=found, headers={"ETag": f'"{found.digest}"'})

    async def backtest(call: Call) -> Answer:
        found = await policies.backtest(call.path["id"], call.query.days)
        return (
            refused(404, "Not Found", "there is no such proposal") if found is None else Answer(status=200, body=found)
        )

    return [
        Route(
            method="GET", path="/v1/policies", name="read_policies", summary="Every pack in force", roles=READERS,
            act=in_force, answers={200: list[PackInForce]}, problems=(503,),
        ),
        Route(
            method="GET", path="/v1/policies/proposals", name="list_proposals", summary="Changes that somebody wants",
            roles=READERS, act=proposals, answers={200: list[ProposalTold]}, problems=(503,), query=StateQuery,
        ),
        Route(
            method="GET", path="/v1/policies/proposals/{id}", name="read_proposal", summary="One of them",
            roles=READERS, act=proposal, answers={200: ProposalTold}, problems=(404, 503),
        ),
        Route(
            method="GET", path="/v1/policies/proposals/{id}/backtest", name="backtest_proposal", roles=READERS,
            summary="What it would have done to the decisions of the last days", act=backtest,
            answers={200: dict[str, Any]}, problems=(404, 503), query=DaysBack,
        ),
    ]  # fmt: skip


def _deciding(policies: Policies) -> list[Route]:
    async def propose(call: Call) -> Answer:
        wanted = read(call.body, NewProposal)
        if isinstance(wanted, Answer):
            return wanted
        try:
            effective = 0 if wanted.effective_from is None else parse_instant(wanted.effective_from)
        except ValueError as error:
            return refused(422, "Unprocessable Content", f"effective_from: {error}")
        return _told(await policies.propose(call.principal, wanted, effective), 201)

    def decision(approve: bool) -> Any:
        async def decide(call: Call) -> Answer:
            wanted = read(call.body, Word)
            if isinstance(wanted, Answer):
                return wanted
            if call.principal.kind != "person":
                return refused(403, "Forbidden", "only a person who signed in decides: a key may be in anybody's hands")
            done = await policies.decide(
                call.principal, call.path["id"], call.match or "", wanted.comment, approve=approve
            )
            return _told(done, 200)

        return decide

    bad = (400, 404, 409, 412, 413, 415, 428, 503)
    return [
        Route(
            method="POST", path="/v1/policies/proposals", name="propose_policy", summary="Proposes a change of a pack",
            roles=OFFICERS, act=propose, body=NewProposal, answers={201: ProposalTold},
            problems=(400, 409, 413, 415, 503), once=True,
        ),
        *[
            Route(
                method="POST", path=f"/v1/policies/proposals/{{id}}/{word}", name=f"{word}_proposal", summary=summary,
                roles=OFFICERS, act=decision(word == "approve"), body=Word, answers={200: ProposalTold}, problems=bad,
                match=True,
            )
            for word, summary in (
                ("approve", "The second person's yes, bound to the digest of the text"),
                ("return", "The second person's no"),
            )
        ],
    ]  # fmt: skip


def _told(done: ProposalTold | Refusal, status: int) -> Answer:
    if isinstance(done, Refusal):
        code = STATUS[done.word]
        return refused(code, TITLES[code], done.sentence)
    return Answer(status=status, body=done, headers={"ETag": f'"{done.digest}"'})
