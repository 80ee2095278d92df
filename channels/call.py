"""The call channel: hands an admitted call to people or a dialler, as a task on the stream of calls (contract, 5)."""

import asyncio
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from channels.contract import Accepted, Facts, InDoubt, Message, Outcome, Refused, Surroundings, Unavailable
from channels.settings import Common, Kind

# What became of the call comes back as a Contact, not as a receipt.
FACTS = Facts(
    kind="call", channel="call", receipts=False, bounds_delivery=True,
    summary="a task for agents or a dialler, on the stream of calls",
)  # fmt: skip


class CallSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class CallTask(Struct, frozen=True, kw_only=True):
    """The document on the stream; times are RFC 3339 in UTC with milliseconds."""

    job_id: str
    tenant: str
    recipient_id: str
    account: str | None
    phone: str
    locale: str
    script: str
    admitted_at: str
    call_before: str


class Call:
    def __init__(self, settings: CallSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self._hand_over = surroundings.hand_over

    async def start(self) -> None:
        """The stream belongs to the house; nothing to open."""

    async def send(self, message: Message, timeout: float) -> Outcome:
        if not isinstance(message.to, str):
            return Refused("no_number", "a call needs a phone number", address=True)
        document = msgspec.json.encode(task(message, message.to))
        try:
            async with asyncio.timeout(timeout):
                return Accepted(await self._hand_over(document))
        except ConnectionRefusedError as error:
            return Unavailable("no_connection", f"the stream of calls: {error}")
        except (OSError, TimeoutError) as error:
            return InDoubt("broken", f"the stream of calls: {type(error).__name__}: {error}")

    async def close(self) -> None:
        """Nothing to release."""


def task(message: Message, phone: str) -> CallTask:
    return CallTask(
        job_id=message.job_id,
        tenant=message.tenant,
        recipient_id=message.recipient_id,
        account=message.account,
        phone=phone,
        locale=message.locale,
        script=message.text,
        admitted_at=_rfc3339(message.admitted_at),
        call_before=_rfc3339(message.expires_at),
    )


def _rfc3339(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


KIND = Kind(FACTS, CallSettings, Call)
