"""The sandbox: sends nowhere, keeps what it was given, and plays out every outcome by the last digits of an address.

The digits and what they do stand in `DIGITS`, and as a table for people in README.md; a test compares the two.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from typing import Annotated, Literal

from msgspec import Meta, Struct

from channels.contract import (
    Accepted,
    Facts,
    InDoubt,
    Message,
    Outcome,
    ProviderReceipt,
    Refused,
    Surroundings,
    Unavailable,
)
from channels.settings import Common, Kind

FACTS = Facts(
    kind="sandbox", channel=None, receipts=True, summary="sends nowhere; the last digits of the address decide"
)
ONCE_REMEMBERED = 10_000
RECEIPTS_WAITING = 100_000
RETRY_REPORT_S = 1.0

_log = logging.getLogger(__name__)


class Play(Struct, frozen=True):
    """What an address does: the answer to the send, and the status of the receipt that follows, if one does."""

    outcome: Outcome | None
    """None: accepted."""
    receipt: Literal["delivered", "undelivered"] | None = None
    once: bool = False
    """The outcome is for the first try of a job only; then it is accepted and delivered."""


_DELIVERED = Play(None, "delivered")

DIGITS: dict[str, Play] = {
    "01": Play(Refused("sandbox_address", "no such address", address=True)),
    "02": Play(Unavailable("sandbox_busy", "down for one try"), once=True),
    "03": Play(InDoubt("sandbox_lost", "the answer was lost, and nothing else is ever heard")),
    "04": Play(None, "undelivered"),
    "05": Play(None),
    "06": Play(Refused("sandbox_opted_out", "the person told the provider to stop", opted_out=True)),
    "07": Play(InDoubt("sandbox_lost", "the answer was lost, but a receipt follows"), "delivered"),
    "08": Play(Unavailable("sandbox_down", "down at every try")),
}


class SandboxSettings(Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keep: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    """Messages kept in memory, the newest."""
    latency_ms: Annotated[int, Meta(ge=0)] = 0
    """Time that every send takes; as long as the time-out or longer, and every send is in doubt."""
    receipt_ms: Annotated[int, Meta(ge=0)] = 300
    """Time from the answer to the receipt."""


class Sandbox:
    """`messages` holds what was sent, in order, refused ones left out."""

    def __init__(self, settings: SandboxSettings, surroundings: Surroundings) -> None:
        self.name = settings.name
        self.facts = settings.adjust(FACTS)
        self.messages: deque[Message] = deque(maxlen=settings.keep)
        self._latency = settings.latency_ms / 1000
        self._delay_ms = settings.receipt_ms
        self._report = surroundings.report
        self._now = surroundings.now
        self._tried: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._waiting: deque[ProviderReceipt] = deque(maxlen=RECEIPTS_WAITING)
        self._wake = asyncio.Event()
        self._courier: asyncio.Task[None] | None = None
        self.drill: Outcome | None = None
        """while it is set, every send is answered with it: how an outage is practised"""

    @property
    def unreported(self) -> int:
        """Messages whose receipt is still to come."""
        return len(self._waiting)

    async def start(self) -> None:
        self._courier = asyncio.create_task(self._deliver(), name=f"sandbox-{self.name}")

    async def send(self, message: Message, timeout: float) -> Outcome:
        if self._latency >= timeout:
            await asyncio.sleep(timeout)
            return InDoubt("timeout", f"no answer within {timeout:g} s")
        if self._latency:
            await asyncio.sleep(self._latency)
        if self.drill is not None:
            return self.drill
        play = self._play(message)
        if not isinstance(play.outcome, Refused | Unavailable):
            self.messages.append(message)
        if play.receipt and self.facts.receipts:
            self._waiting.append(self._receipt(message, play.receipt))
            self._wake.set()
        return play.outcome or Accepted(f"sandbox-{message.reference}")

    async def close(self) -> None:
        courier, self._courier = self._courier, None
        if courier is not None:
            courier.cancel()
            await asyncio.wait([courier])

    def _play(self, message: Message) -> Play:
        play = DIGITS.get(ending(message), _DELIVERED)
        if not play.once:
            return play
        key = (message.tenant, message.recipient_id, message.job_id)
        if key in self._tried:
            return _DELIVERED
        self._tried[key] = None
        if len(self._tried) > ONCE_REMEMBERED:
            self._tried.popitem(last=False)
        return play

    def _receipt(self, message: Message, status: Literal["delivered", "undelivered"]) -> ProviderReceipt:
        failed = status == "undelivered"
        return ProviderReceipt(
            provider=self.name,
            reference=message.reference,
            message_id=f"sandbox-{message.reference}",
            status=status,
            code="sandbox_undelivered" if failed else None,
            message="accepted, and could not be delivered" if failed else None,
            at=self._now() + self._delay_ms,
        )

    async def _deliver(self) -> None:
        """Every receipt waits equally long, so that the oldest is always the next."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            receipt = self._waiting[0]
            await asyncio.sleep(max(0, receipt.at - self._now()) / 1000)
            try:
                await self._report(receipt)
            except Exception:  # noqa: BLE001 - whatever ails the store, the receipt waits, as a real provider's would
                _log.warning("a sandbox receipt was not taken and is reported again", exc_info=True)
                await asyncio.sleep(RETRY_REPORT_S)
                continue
            if self._waiting and self._waiting[0] is receipt:
                self._waiting.popleft()


def ending(message: Message) -> str:
    """The last two digits of a phone number, of an email's local part, or of a push token; "" where it has none."""
    to = message.to if isinstance(message.to, str) else message.to.token
    text = to if isinstance(to, str) else str(to.get("endpoint", ""))
    tail = text.rpartition("@")[0][-2:] if message.channel == "email" else text[-2:]
    return tail if tail.isascii() and tail.isdigit() else ""


KIND = Kind(FACTS, SandboxSettings, Sandbox)
