"""What the API needs of the house, which stands outside of it: streams to write, and states to read."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from gateway.queries.state import ReminderState

Kind = Literal["reminder", "contact", "command"]
Lane = Literal["high", "normal", "bulk"]


class Remembered(Struct, frozen=True, kw_only=True):
    """An answer that was given under an idempotency key, and the digest of what was asked; `status` 0 while the first
    request is still under way."""

    key: str
    asked: str
    status: int = 0
    body: str = ""


class Document(Struct, frozen=True):
    """One document as it came; of a reminder also tenant, recipient and id, by which it is asked for. `traceparent` is
    the span in which it was written, if its producer says so."""

    raw: bytes
    names: tuple[str, str, str] | None = None
    traceparent: str | None = None


class Intake(Protocol):
    """Where documents go. Every method raises ConnectionError where the store cannot be had."""

    async def remembered(self, new: Remembered) -> Remembered | None:
        """What was asked and answered under the key of `new`; None if it was free, and from then on is taken."""

    async def forget(self, key: str) -> None:
        """Gives an idempotency key free again: nothing was done under it."""

    async def keep(self, answer: Remembered) -> None:
        """Keeps what was answered under its key."""

    async def enqueue(self, kind: Kind, documents: Sequence[Document], lane: Lane, answer: Remembered | None) -> None:
        """Puts all of the documents on their stream, or none; with them what was answered, if that is to be kept."""


class Lookup(Protocol):
    """Where jobs are found. Raises ConnectionError where neither ledger nor store can be had."""

    async def reminder(self, tenant: str, recipient: str, job: str) -> ReminderState | None:
        """The job of these names, None if nobody knows it."""
