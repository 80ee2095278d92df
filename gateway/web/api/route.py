"""A route as data: what it takes, what it answers, who may, and who does it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from gateway.web.api.ports import Remembered
from gateway.web.api.principal import Principal, Role

Method = Literal["GET", "POST", "PUT", "DELETE"]


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457. `errors` names each fault with its place."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: "list[FaultAt] | None" = None


class FaultAt(Struct, frozen=True, kw_only=True):
    """One mistake: of which document of the array, in which field, and what to change."""

    index: int
    field: str
    message: str


class Call(Struct, frozen=True, kw_only=True):
    """One request, with who asks known and allowed."""

    principal: Principal
    path: Mapping[str, str]
    query: Any
    body: bytes
    """as it came; empty for a method without one"""
    once: Remembered | None = None
    """the idempotency key under which it is done, if it came with one"""
    match: str | None = None
    """what `If-Match` names"""
    traceparent: str | None = None
    """the span in which it is asked (W3C Trace Context)"""


class Answer(Struct, frozen=True, kw_only=True):
    """`body` is encoded as JSON; bytes are a zip file, text is HTML, None is nothing at all."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Nothing(Struct, frozen=True):
    """A query without parameters."""


class Route(Struct, frozen=True, kw_only=True):
    """`roles` may; a principal with none of them is answered 403. `body` is the type of one document, `many` whether an
    array of them is taken too. `answers` are types by status, problems aside. `once` routes take an Idempotency-Key;
    `match` routes need an If-Match (RFC 9110, 13.1.1); who asks a `public` one need not be known."""

    method: Method
    path: str
    name: str
    summary: str
    roles: frozenset[Role]
    act: Callable[[Call], Awaitable[Answer]]
    answers: Mapping[int, Any]
    problems: tuple[int, ...] = ()
    body: Any = None
    many: bool = False
    query: type[Struct] = Nothing
    once: bool = False
    match: bool = False
    public: bool = False


def refused(status: int, title: str, detail: str, errors: list[FaultAt] | None = None) -> Answer:
    """A problem as an answer."""
    return Answer(status=status, body=Problem(title=title, status=status, detail=detail, errors=errors))
