"""When it is tried again, and when no more."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.clock import DAY, HOUR, MINUTE, SECOND
from gateway.endpoints.schedule import (
    DEAD_AFTER,
    DEAD_AFTER_MS,
    DOWN_AFTER,
    PROBES_MS,
    WAITS_MS,
    Health,
    due,
    read_health,
    written,
)

MOMENTS = st.integers(0, 4_000_000_000_000)
WAITS = st.integers(0, DAY)


def test_a_receipt_is_tried_at_the_times_that_standard_webhooks_recommends_and_then_given_up() -> None:
    at, times = 0, [0]
    for tries in range(1, 10):
        at = due(tries, at) or 0
        times.append(at)
    assert times == [
        0, 5 * SECOND, 5 * MINUTE + 5 * SECOND, 35 * MINUTE + 5 * SECOND, 2 * HOUR + 35 * MINUTE + 5 * SECOND,
        *(h * HOUR + 35 * MINUTE + 5 * SECOND for h in (7, 17, 31, 51, 75)),
    ]  # fmt: skip
    assert due(10, at) is None


@given(st.integers(0, 30), MOMENTS, WAITS)
def test_it_is_never_early_and_ends(tries: int, now: int, wait: int) -> None:
    at = due(tries, now, wait)
    if at is None:
        assert tries > len(WAITS_MS)
    else:
        assert at >= now + max(wait, 5 * SECOND)
        assert at <= now + DAY


@given(st.lists(st.tuples(st.integers(0, DAY), WAITS), max_size=60))
def test_an_endpoint_that_fails_is_down_after_some_and_dead_after_days_and_always_asked_again(
    story: list[tuple[int, int]],
) -> None:
    health, now, first = Health(), 1_000, 0
    for number, (passed, wait) in enumerate(story, 1):
        now += passed
        first = first or now
        health = health.worse(now, "http_500", wait)
        assert health.failures == number
        assert health.since == first
        assert health.down == (number >= DOWN_AFTER)
        assert now + max(wait, PROBES_MS[0]) <= health.next <= now + max(wait, PROBES_MS[-1])
        assert health.dead(now) == (number >= DEAD_AFTER and now - first >= DEAD_AFTER_MS)
        stored = {name: str(value) for name, value in written(health).items()}
        assert read_health(stored) == health
    assert read_health({}) == Health()
