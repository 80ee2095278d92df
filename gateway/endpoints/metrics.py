"""What is counted of receipts that go out. The names of endpoints are the operator's own, and few."""

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge


class EndpointMetrics:
    """In the registry that is given. The gauges are told by the process that serves the endpoint, and by no other."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "gateway_endpoint_deliveries", "Attempts by what came of them: taken, failed, gone",
            ["endpoint", "outcome"], registry=registry,
        )  # fmt: skip
        self.behind = Gauge(
            "gateway_endpoint_behind_seconds", "Age of the oldest receipt not taken", ["endpoint"], registry=registry
        )
        self.held = Gauge(
            "gateway_endpoint_held_receipts", "Receipts read and not taken", ["endpoint"], registry=registry
        )
        self.parked = Gauge("gateway_endpoint_parked", "1 while it is parked", ["endpoint"], registry=registry)

    def forget(self, endpoint: str) -> None:
        """Another process may serve it now."""
        for gauge in (self.behind, self.held, self.parked):
            with contextlib.suppress(KeyError):
                gauge.remove(endpoint)
