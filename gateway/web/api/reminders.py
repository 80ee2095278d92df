"""`GET /v1/reminders/…`: how a job stands, what was told of it, and why."""

from gateway.queries.state import ReminderState
from gateway.web.api.ports import Lookup
from gateway.web.api.route import Answer, Call, Route, refused


def routes(lookup: Lookup) -> list[Route]:
    """The route by which other systems read."""

    async def act(call: Call) -> Answer:
        tenant, recipient, job = (call.path[name] for name in ("tenant", "recipient_id", "id"))
        if not call.principal.may_see(tenant):
            return refused(403, "Forbidden", "the tenant is not yours")
        found = await lookup.reminder(tenant, recipient, job)
        if found is None:
            return refused(404, "Not Found", "there is no such reminder, or it is long gone")
        return Answer(status=200, body=found)

    return [
        Route(
            method="GET", path="/v1/reminders/{tenant}/{recipient_id}/{id}", name="read_reminder",
            summary="How a reminder stands: its receipts, and the findings behind each decision",
            roles=frozenset({"producer", "ops", "compliance", "auditor", "admin"}), act=act,
            answers={200: ReminderState}, problems=(404, 503),
        )
    ]  # fmt: skip
