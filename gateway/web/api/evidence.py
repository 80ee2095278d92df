"""`POST /v1/evidence`: what is handed to a court, a regulator or the person, a signed file. Who took it is kept."""

from typing import Annotated, Protocol

from msgspec import Meta, Struct

from gateway.domain.clock import parse_instant
from gateway.web.api.access import Reason
from gateway.web.api.body import read
from gateway.web.api.principal import Principal
from gateway.web.api.route import Answer, Call, FaultAt, Route, refused
from gateway.web.api.views import REVEALS

MOST_ENTRIES = 5_000
"""of one file; `gateway ledger export` makes larger ones"""
Name = Annotated[str, Meta(min_length=1, max_length=128)]


class Taken(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}):
    """What the file is about: a person, an account, a period (`from` on, before `to`, RFC 3339); all that are given
    must agree."""

    tenant: Name
    recipient_id: Name | None = None
    account: Name | None = None
    first: Annotated[str, Meta(max_length=40)] | None = None
    last: Annotated[str, Meta(max_length=40)] | None = None
    reason: Reason


class Span(Struct, frozen=True):
    """From a moment on, before another; null for no bound."""

    first: int | None
    last: int | None


class Bundle(Struct, frozen=True):
    """A zip file, and whether all that is in it is anchored by now."""

    data: bytes
    entries: int
    anchored: bool


class Bundles(Protocol):
    """Who makes them."""

    async def take(self, who: Principal, wanted: Taken, span: Span) -> Bundle | None:
        """The file, with what is written down about it; None if it would hold more than `MOST_ENTRIES`. Raises
        ConnectionError where the ledger cannot be had."""


def routes(bundles: Bundles) -> list[Route]:
    """The route of the evidence."""

    async def take(call: Call) -> Answer:
        wanted = read(call.body, Taken)
        if isinstance(wanted, Answer):
            return wanted
        if not call.principal.may_see(wanted.tenant):
            return refused(403, "Forbidden", "the tenant is not yours")
        if wanted.recipient_id is wanted.account is wanted.first is None:
            return _wrong("recipient_id", "name recipient_id, account or from: what the file is about")
        span = _span(wanted)
        if isinstance(span, Answer):
            return span
        made = await bundles.take(call.principal, wanted, span)
        if made is None:
            return _wrong("to", f"more than {MOST_ENTRIES} entries; `gateway ledger export` makes larger files")
        if not made.entries:
            return refused(404, "Not Found", "there is no entry of that name")
        headers = {
            "Content-Disposition": 'attachment; filename="evidence.zip"',
            "Gateway-Entries": str(made.entries), "Gateway-Anchored": "true" if made.anchored else "false",
        }  # fmt: skip
        return Answer(status=200, body=made.data, headers=headers)

    return [
        Route(
            method="POST", path="/v1/evidence", name="take_evidence", roles=REVEALS, act=take, body=Taken,
            summary="A signed bundle of entries, words, policies and proofs, with a statement to be printed and the "
            "verifier. `Gateway-Anchored: false` tells that its newest entries cannot be proven yet",
            answers={200: bytes}, problems=(400, 404, 413, 415, 503),
        )
    ]  # fmt: skip


def _span(wanted: Taken) -> Span | Answer:
    found: dict[str, int | None] = {}
    for name, text in (("from", wanted.first), ("to", wanted.last)):
        try:
            found[name] = None if text is None else parse_instant(text)
        except ValueError as error:
            return _wrong(name, str(error))
    return Span(found["from"], found["to"])


def _wrong(field: str, message: str) -> Answer:
    return refused(
        422, "Unprocessable Content", "the document is wrong", [FaultAt(index=0, field=field, message=message)]
    )
