"""When an endpoint is tried again: the schedule of one receipt, and that of an endpoint which fails as a whole."""

from collections.abc import Mapping

from msgspec import Struct

from gateway.domain.clock import DAY, HOUR, MINUTE, SECOND, Instant

WAITS_MS = (
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""After the first attempt, the second …: the schedule that Standard Webhooks recommends. Ten attempts in all."""
PROBES_MS = (5 * SECOND, 30 * SECOND, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE)
"""An endpoint that fails as a whole is asked so often with one receipt, the last wait for ever: whoever comes back is
found within ten minutes, and nobody is hammered."""
DOWN_AFTER = 5
"""failures without a success between them make an endpoint one that fails as a whole"""
DEAD_AFTER_MS = 5 * DAY
DEAD_AFTER = 2 * DOWN_AFTER
"""Nobody is dead who was not asked so often: our own standstill is not the endpoint's."""


def due(tries: int, now: Instant, wait_ms: int = 0) -> Instant | None:
    """When a receipt is tried again after `tries` attempts; None: never. Not before the `wait_ms` asked for."""
    if tries > len(WAITS_MS):
        return None
    return now + max(WAITS_MS[max(tries, 1) - 1], wait_ms)


class Health(Struct, frozen=True):
    """How an endpoint has fared since its last success."""

    failures: int = 0
    since: Instant = 0
    """of the first of them"""
    next: Instant = 0
    """while it is down: when it is asked again"""
    code: str = ""
    """what the last one said"""

    @property
    def down(self) -> bool:
        return self.failures >= DOWN_AFTER

    def worse(self, now: Instant, code: str, wait_ms: int = 0) -> "Health":
        """After one more failure."""
        failures = self.failures + 1
        probe = PROBES_MS[min(max(failures - DOWN_AFTER, 0), len(PROBES_MS) - 1)]
        return Health(failures, self.since if self.failures else now, now + max(probe, wait_ms), code)

    def dead(self, now: Instant) -> bool:
        """Whether it is time to leave it alone."""
        return self.failures >= DEAD_AFTER and now - self.since >= DEAD_AFTER_MS


def written(health: Health) -> dict[str, int | str]:
    """As the store keeps it."""
    return {"failures": health.failures, "since": health.since, "next": health.next, "code": health.code}


def read_health(fields: Mapping[str, str]) -> Health:
    failures, since, following = (int(fields.get(name, 0)) for name in ("failures", "since", "next"))
    return Health(failures, since, following, fields.get("code", ""))
