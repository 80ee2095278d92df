"""A change of a pack while it is written: what is wrong with it, what it says in words, what becomes of its examples.

Nothing is kept; what somebody wants in earnest is proposed (`policies`).
"""

from typing import Annotated, Protocol

from msgspec import Meta, Struct

from gateway.policy.edit import Edit, Place
from gateway.web.api.body import read
from gateway.web.api.policies import Code
from gateway.web.api.route import Answer, Call, Route
from gateway.web.api.views import READERS


class NewDraft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pack as it is being written. `edits` change figures in its text; `agree`: its examples shall expect what its
    rules say, where they do not."""

    code: Code
    text: Annotated[str, Meta(min_length=1, max_length=256_000)]
    edits: Annotated[list[Edit], Meta(max_length=200)] = []
    agree: bool = False


class RuleRead(Struct, frozen=True, kw_only=True):
    """A rule in words, and what of it a form changes. `change` what becomes of it, null if nothing;
    `reading` has a text in each language."""

    id: str
    kind: str
    force: str
    status: str
    source: str
    change: str | None
    reading: dict[str, str]
    places: list[Place]


class Drafted(Struct, frozen=True, kw_only=True):
    """A draft looked at. `text` has the edits in it; `faults` are sentences, and while there are any it cannot be
    proposed; `examples` are sentences about examples that its rules judge otherwise; `removed` are rules in force that
    are not in it any more."""

    text: str
    version: str
    faults: list[str]
    examples: list[str]
    looser: bool
    changes: dict[str, str]
    rules: list[RuleRead]


class Drafts(Protocol):
    """Who looks at drafts. Raises ConnectionError where the store cannot be had."""

    async def look(self, draft: NewDraft) -> Drafted:
        """A draft looked at."""


def routes(drafts: Drafts) -> list[Route]:
    """The routes of drafts."""

    async def look(call: Call) -> Answer:
        wanted = read(call.body, NewDraft)
        if isinstance(wanted, Answer):
            return wanted
        return Answer(status=200, body=await drafts.look(wanted))

    return [
        Route(
            method="POST", path="/v1/policies/draft", name="look_at_draft", roles=READERS, act=look, body=NewDraft,
            summary="A change while it is written: its mistakes, its rules in words, what becomes of its examples",
            answers={200: Drafted}, problems=(400, 413, 415, 503),
        ),
    ]  # fmt: skip
