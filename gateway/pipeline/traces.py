"""What the line tells those who follow a job from its stream entry to the provider's call, where anybody does."""

from collections.abc import Sequence
from typing import Protocol

from channels.contract import Outcome
from gateway.domain.clock import Instant
from gateway.domain.job import Attempt
from gateway.domain.receipt import Receipt
from gateway.pipeline.errand import Errand


class Traces(Protocol):
    """Is told of what is over, and of the instants between which it was. Waits for nobody and raises nothing."""

    def looked(self, errand: Errand, receipts: Sequence[Receipt], first: bool, began: Instant, ended: Instant) -> None:
        """A look that is written, with the receipts in it; the `first` is that which made the job's record."""

    def sent(self, errand: Errand, attempt: Attempt, outcome: Outcome, began: Instant, ended: Instant) -> None:
        """A provider's answer, or that nobody knows it."""
