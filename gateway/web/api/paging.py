"""Lists a page at a time: by a cursor that names the last row seen, so that what comes in meanwhile moves nothing."""

from collections.abc import Awaitable
from typing import Annotated

from msgspec import Meta, Struct

from gateway.queries.cursor import BadCursor
from gateway.web.api.route import Answer, FaultAt, refused


class Paged(Struct, frozen=True):
    """`cursor` is the `next` of the page before."""

    cursor: Annotated[str, Meta(max_length=512)] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


async def page(asked: Awaitable[object]) -> Answer:
    """The page, or what is answered to a cursor that was not given."""
    try:
        return Answer(status=200, body=await asked)
    except BadCursor:
        return wrong("cursor", "is none that was given; begin without one")


def wrong(name: str, message: str) -> Answer:
    """What is answered to a parameter of the address that cannot be."""
    detail = "a parameter of the address is wrong"
    return refused(422, "Unprocessable Content", detail, [FaultAt(index=0, field=name, message=message)])
