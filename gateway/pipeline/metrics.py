"""What is counted for those who have their own eyes. Labels are few and closed: no person, job or address is one."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily

from gateway.domain.receipt import Receipt

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time beside every counter, which nobody asks for


class Metrics:
    """The gateway's Prometheus metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.entries = self._counter("gateway_entries_total", "Inbound entries read", "stream")
        self.duplicates = self._counter("gateway_duplicates_total", "Jobs enqueued again, never sent again", "lane")
        self.dead = self._counter("gateway_dead_letters_total", "Inbound entries that could not be read", "stream")
        self.receipts = self._counter("gateway_receipts_total", "Receipts given", "status", "channel")
        self.outcomes = self._counter("gateway_provider_outcomes_total", "Answers of providers", "provider", "outcome")
        self.conflicts = self._counter("gateway_conflicts_total", "Changes that lost a race and are made anew", "why")
        self.orders = self._counter("gateway_orders_total", "Contacts, commands and provider receipts", "kind")
        self.reports = self._counter(
            "gateway_provider_reports_total", "Reports of providers, `orphan` where nobody knows the message yet",
            "provider", "status",
        )  # fmt: skip
        self.replies = self._counter(
            "gateway_replies_total", "What people wrote back, by what it was taken for", "provider", "meaning"
        )
        self.store_errors = self._counter("gateway_store_errors_total", "Failures of the store", "what")
        self.in_flight = Gauge("gateway_in_flight", "Claims open at a provider", ["provider"], registry=self.registry)
        self.backlog = Gauge(
            "gateway_backlog_entries", "Entries on an inbound stream", ["stream"], registry=self.registry
        )
        self.waiting = Gauge("gateway_waiting_jobs", "Jobs in the schedule", registry=self.registry)
        self.down = Gauge("gateway_provider_down", "1 while the breaker is open", ["provider"], registry=self.registry)
        self.breaker = self._gauge("gateway_provider_breaker", "1 for the state that it is in", "provider", "state")
        self.doubtful = self._gauge(
            "gateway_provider_doubt_budget_spent", "1 while a provider is left alone for its doubts", "provider"
        )
        self.share = self._gauge("gateway_provider_share", "Part of its channel that a provider is given", "provider")
        self.policy_faults = Gauge(
            "gateway_policy_faults",
            "Mistakes for which the changed folder of packs was refused",
            registry=self.registry,
        )
        self.policy = Gauge("gateway_policy_info", "1 for each pack in force", ["pack"], registry=self.registry)
        self.send_seconds = Histogram(
            "gateway_send_duration_seconds", "Time that a send took", ["provider"], registry=self.registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )  # fmt: skip
        self._took: dict[str, Callable[[float], None]] = {}

    def took(self, provider: str, seconds: float) -> None:
        observe = self._took.get(provider)
        if observe is None:
            observe = self._took[provider] = self.send_seconds.labels(provider).observe
        observe(seconds)

    def policy_in_force(self, labels: Iterable[str]) -> None:
        self.policy.clear()
        for label in labels:
            self.policy.labels(label).set(1)

    def told(self, receipts: Iterable[Receipt]) -> None:
        for receipt in receipts:
            self.receipts.add(receipt.status, receipt.channel or "")

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> "Tally":
        tally = Tally(name, text, labels)
        self.registry.register(tally)
        return tally


class Tally:
    """A counter that costs a dictionary's update; Prometheus sees it when it asks."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, *labels: str, n: int = 1) -> None:
        self._counts[labels] = self._counts.get(labels, 0) + n

    def collect(self) -> Iterator[CounterMetricFamily]:
        """One family, as the registry wants it."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in list(self._counts.items()):
            family.add_metric(labels, count)
        yield family
