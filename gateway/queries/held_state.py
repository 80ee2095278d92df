"""How a job stands by what the store holds of it: for a gateway without a ledger, or until the ledger has it."""

from gateway.bookkeeping.standing import sends, standing
from gateway.domain.clock import Clock, Instant, format_instant
from gateway.domain.ruling import Look
from gateway.pipeline.errand import reminder_of
from gateway.queries.records import Held, find, receipts_of, unread
from gateway.queries.state import Attempted, Decided, ReminderState, WeighedChannel
from gateway.store.redis import Store


async def held_state(store: Store, tenant: str, recipient: str, job_id: str, clock: Clock) -> ReminderState | None:
    """The state of a job, None for one that the store does not know. Raises StoreError, UnreadableRecord."""
    found = await find(store, job_id, tenant, recipient)
    if found:
        return _state(found[0], await receipts_of(store, found[0]), clock.now())
    came = await store.redis.exists(store.keys.queued(tenant, recipient, job_id))  # found however long the lane is
    if not came and await unread(store, job_id, tenant, recipient) is None:
        return None
    return ReminderState(
        id=job_id, tenant=tenant, recipient_id=recipient, account=None, state="queued", final=False, until=None,
        accepted_at=None, as_of=format_instant(clock.now()), source="store", receipts=[], decisions=[], messages=[],
    )  # fmt: skip


def _state(held: Held, receipts: list[dict[str, object]], now: Instant) -> ReminderState:
    where = standing(held.job, receipts, None)
    reminder = reminder_of(held.job)
    return ReminderState(
        id=held.job_id, tenant=held.tenant, recipient_id=held.recipient,
        account=None if reminder is None else reminder.account, state=where.status, final=where.ended,
        until=None if where.until is None else format_instant(where.until),
        accepted_at=format_instant(held.job.accepted), as_of=format_instant(now), source="store", receipts=receipts,
        decisions=[_decided(track.look) for track in held.job.tracks if track.look is not None],
        messages=[
            Attempted(
                reference=one.attempt.reference, channel=one.attempt.channel, provider=one.attempt.provider,
                state=one.state or where.status, at=format_instant(one.attempt.at),
                provider_message_id=one.attempt.message_id, segments=one.attempt.segments,
                template_version=one.attempt.template_version, locale=one.attempt.locale,
            )
            for one in sends(held.job, receipts)
        ],
    )  # fmt: skip


def _decided(look: Look) -> Decided:
    return Decided(
        at=format_instant(look.at), policy=look.policy, tzdata=look.tzdata, zones=list(look.zones),
        jurisdictions=list(look.jurisdictions),
        channels=[
            WeighedChannel(
                channel=one.candidate.channel, decision=one.decision,
                until=None if one.until is None else format_instant(one.until), blocked_by=list(one.blocked_by),
                warned=list(one.warned), findings=[],
            )
            for one in look.weighed
        ],
    )  # fmt: skip
