"""`GET /v1/messages/…/why`: why somebody was written to or was not, in sentences, in the language of who asks."""

from typing import Protocol

from msgspec import Struct

from gateway.queries.explain import Story
from gateway.queries.words import Language
from gateway.web.api.route import Answer, Call, Route, refused
from gateway.web.api.views import SEES_PEOPLE


class In(Struct, frozen=True):
    """The language to tell it in."""

    language: Language = "en"


class Why(Struct, frozen=True, kw_only=True):
    """`headlines` is a sentence for each way of the job, `text` all of it as a page, `story` the same as data."""

    headlines: list[str]
    text: str
    story: Story


class Whys(Protocol):
    """Who knows."""

    async def why(self, tenant: str, recipient: str, job: str, language: Language) -> Why | None:
        """None of a job that nobody knows. Raises ConnectionError where store or ledger cannot be had."""


def routes(whys: Whys) -> list[Route]:
    """The route of the question."""

    async def why(call: Call) -> Answer:
        tenant, recipient, job = (call.path[name] for name in ("tenant", "recipient_id", "id"))
        if not call.principal.may_see(tenant):
            return refused(403, "Forbidden", "the tenant is not yours")
        told = await whys.why(tenant, recipient, job, call.query.language)
        return refused(404, "Not Found", "there is no such job") if told is None else Answer(status=200, body=told)

    return [
        Route(
            method="GET", path="/v1/messages/{tenant}/{recipient_id}/{id}/why", name="explain_message", act=why,
            summary="Why it was, or was not, sent: every rule weighed, with figures and legal source, in sentences",
            roles=SEES_PEOPLE, answers={200: Why}, problems=(404, 503), query=In,
        )
    ]  # fmt: skip
