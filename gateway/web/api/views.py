"""What people and dashboards look at: the books, the messages, a person's calendar, the chain."""

from typing import Annotated, Protocol

from msgspec import Meta, Struct

from gateway.queries.overview import Overview
from gateway.web.api.principal import EVERY_TENANT, Principal, Role
from gateway.web.api.route import Answer, Call, Route

READERS: frozenset[Role] = frozenset({"ops", "compliance", "auditor", "admin"})


class Days(Struct, frozen=True):
    """Figures by channel are of jobs accepted in so many days."""

    days: Annotated[int, Meta(ge=1, le=36_500)] = 1


class Views(Protocol):
    """Where figures and lists come from. Every method raises ConnectionError where the ledger cannot be had."""

    async def overview(self, tenants: frozenset[str] | None, days: int) -> Overview:
        """The books of these tenants, None for all."""


def routes(views: Views) -> list[Route]:
    """The routes for reading."""

    async def overview(call: Call) -> Answer:
        return Answer(status=200, body=await views.overview(tenants_of(call.principal), call.query.days))

    return [
        Route(
            method="GET", path="/v1/overview", name="read_overview", summary="The books, and where every job stands",
            roles=READERS, act=overview, answers={200: Overview}, problems=(503,), query=Days,
        )
    ]  # fmt: skip


def tenants_of(principal: Principal) -> frozenset[str] | None:
    """Whose jobs somebody may see; None for everybody's."""
    return None if EVERY_TENANT in principal.tenants else principal.tenants
