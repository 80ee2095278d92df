"""`POST /v1/reminders`, `/v1/contacts`, `/v1/commands`: documents as on the streams, all of them or none."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from gateway.domain.command import Cancel, Consent, Pause, Resume, Stop, Unpause, parse_command
from gateway.domain.contact import Contact, parse_contact
from gateway.domain.errors import Fault
from gateway.domain.reminder import Reminder, parse_reminder
from gateway.web.api.ports import Document, Intake, Kind, Lane
from gateway.web.api.principal import EVERY_TENANT
from gateway.web.api.route import Answer, Call, FaultAt, Nothing, Route, refused

MOST = 1_000
AnyCommand = Cancel | Stop | Consent | Resume | Pause | Unpause


class Lanes(Struct, frozen=True):
    """On which lane reminders go."""

    lane: Lane = "normal"


class Taken(Struct, frozen=True, kw_only=True):
    """One document that is durable on its stream."""

    id: str


class Accepted(Struct, frozen=True, kw_only=True):
    """What was taken, in the order in which it came."""

    accepted: list[Taken]


def _told(kind: type[Struct], replaced: Mapping[str, Any]) -> Any:
    """A type as the description tells it: the same fields, but for those that are kept as raw JSON."""
    told: list[Any] = [
        (one.name, replaced[one.name], msgspec.field(default_factory=dict)) if one.name in replaced
        else (one.name, one.type) if one.required
        else (one.name, one.type, _default(one))
        for one in fields(kind)
    ]  # fmt: skip
    return msgspec.defstruct(kind.__name__, told, namespace={"__doc__": kind.__doc__}, kw_only=True)


def _default(one: FieldInfo) -> Any:
    if one.default is msgspec.NODEFAULT:
        return msgspec.field(default_factory=one.default_factory)
    return one.default


REMINDER = _told(Reminder, {"metadata": dict[str, Any]})

_raws = msgspec.json.Decoder(list[msgspec.Raw])


def routes(intake: Intake) -> list[Route]:
    """The routes by which other systems write."""

    def route(path: str, kind: Kind, summary: str, body: Any, roles: frozenset[Any], query: type[Struct]) -> Route:
        async def act(call: Call) -> Answer:
            return await _take(intake, kind, call)

        return Route(
            method="POST", path=path, name=f"enqueue_{kind}s", summary=summary, roles=roles, act=act, body=body,
            many=True, answers={202: Accepted}, problems=(400, 409, 413, 415, 422, 503), query=query, once=True,
        )  # fmt: skip

    systems, orders = frozenset({"producer"}), frozenset({"producer", "compliance"})
    return [
        route("/v1/reminders", "reminder", "Enqueues reminders", REMINDER, systems, Lanes),
        route("/v1/contacts", "contact", "Records contacts made elsewhere", Contact, orders, Nothing),
        route("/v1/commands", "command", "Gives orders: cancel, stop, consent, resume, pause, unpause", AnyCommand,
              orders | {"ops"}, Nothing),
    ]  # fmt: skip


_MAY: dict[type, frozenset[str]] = {Resume: frozenset({"producer"}), Consent: frozenset({"producer", "compliance"})}
"""who may give an order that lets through what was forbidden; who restrains may be anybody who may give orders"""
_PARSERS: dict[Kind, Callable[[bytes], Any]] = {
    "reminder": parse_reminder, "contact": parse_contact, "command": parse_command,
}  # fmt: skip


async def _take(intake: Intake, kind: Kind, call: Call) -> Answer:
    documents = _split(call.body)
    if isinstance(documents, Answer):
        return documents
    parsed = [_PARSERS[kind](document) for document in documents]
    faults = [
        FaultAt(index=index, field=one.field, message=one.message)
        for index, one in enumerate(parsed)
        if isinstance(one, Fault)
    ]
    if faults:
        return refused(422, "Unprocessable Content", "nothing was enqueued; each fault is named", faults)
    for index, one in enumerate(parsed):
        may = _MAY.get(type(one))
        if may is not None and not may & call.principal.roles:
            detail = (
                f"document {index} lifts or records what a person said, which needs the role {', '.join(sorted(may))}"
            )
            return refused(403, "Forbidden", f"{detail}; nothing was enqueued")
        if call.principal.kind == "person" and getattr(one, "by", call.principal.id) != call.principal.id:
            detail = f"document {index}: by: an order of yours is given in your own name, {call.principal.id}"
            return refused(403, "Forbidden", f"{detail}; nothing was enqueued")
        if not _allowed(call, one):
            detail = f"document {index} is of a tenant that is not yours; nothing was enqueued"
            return refused(403, "Forbidden", detail)
    answer = Accepted(accepted=[Taken(id=one.id) for one in parsed])
    lane: Lane = call.query.lane if isinstance(call.query, Lanes) else "normal"
    body = msgspec.json.encode(answer).decode()
    once = None if call.once is None else msgspec.structs.replace(call.once, status=202, body=body)
    taken = [Document(raw, _names(one), call.traceparent) for raw, one in zip(documents, parsed, strict=True)]
    await intake.enqueue(kind, taken, lane, once)
    return Answer(status=202, body=answer)


def _names(document: Any) -> tuple[str, str, str] | None:
    return (document.tenant, document.recipient.id, document.id) if isinstance(document, Reminder) else None


def _allowed(call: Call, document: Any) -> bool:
    """Whether a document is of one's own house. An order for every tenant is for those who may see them all, and what
    a person did elsewhere or wants is not to be lifted by a system for another one."""
    tenant = document.tenant
    if tenant is None:
        return EVERY_TENANT in call.principal.tenants
    return call.principal.may_see(tenant)


def _split(body: bytes) -> list[bytes] | Answer:
    """The documents of a body: one, or an array of them."""
    start = body.lstrip(b" \t\r\n")[:1]
    if start != b"[":
        if start != b"{":
            return refused(400, "Bad Request", "the body must be a JSON object, or an array of them")
        return [body]
    try:
        found = [bytes(raw) for raw in _raws.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = (
            "the body is nested too deep" if isinstance(error, RecursionError) else f"the body is not JSON: {error}"
        )
        return refused(400, "Bad Request", detail)
    if not 1 <= len(found) <= MOST:
        return refused(422, "Unprocessable Content", f"the array holds {len(found)} documents; 1 to {MOST} are taken")
    return found
