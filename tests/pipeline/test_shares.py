"""How messages are dealt: by parts, in turns, and less to who is slow."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.pipeline.shares import LOSS, PROBE, SLOW_MS, SLOW_TIMES, next_share, parts, turn

SHARES = st.floats(PROBE, 1.0)
MEANS = st.none() | st.floats(0, 60_000)


def dealt(given_: list[float], count: int) -> list[int | None]:
    credits = [0.0] * len(given_)
    return [turn(credits, given_) for _ in range(count)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6))
@settings(deadline=None)
def test_a_round_gives_everybody_exactly_the_weight(weights: list[int]) -> None:
    total = sum(weights)
    counted = Counter(dealt([float(weight) for weight in weights], total))
    assert all(counted[place] == weight for place, weight in enumerate(weights))


def test_turns_are_smooth_and_not_in_blocks() -> None:
    assert dealt([5, 1, 1], 7) == [0, 0, 1, 0, 2, 0, 0]


def test_where_nobody_has_a_part_nobody_has_a_turn() -> None:
    assert dealt([0, 0], 1) == [None]


@given(st.lists(SHARES, min_size=1, max_size=5))
@settings(deadline=None)
def test_in_order_each_gets_what_those_before_it_leave(shares: list[float]) -> None:
    found = parts(shares, None)
    assert found[0] == shares[0]
    assert all(part >= 0 for part in found)
    assert sum(found) <= 1 + 1e-9
    if 1.0 in shares:
        first = shares.index(1.0)
        assert sum(found) == pytest.approx(1)
        assert not any(found[first + 1 :]), "nobody comes after one that is wholly trusted"


@given(SHARES, MEANS, MEANS, st.floats(1, 60))
@settings(deadline=None)
def test_a_share_moves_by_small_steps_and_only_the_slow_lose(
    share: float, mean: float | None, fastest: float | None, seconds: float
) -> None:
    after = next_share(share, mean, fastest, seconds)
    assert PROBE <= after <= 1
    assert -LOSS - 1e-9 <= after - share <= 0.01 * seconds + 1e-9
    if mean is None or mean <= SLOW_MS or (fastest is not None and mean <= SLOW_TIMES * fastest):
        assert after >= share


def test_beside_one_that_nobody_has_measured_only_a_probe_is_lost() -> None:
    share = 1.0
    for _ in range(100):
        share = next_share(share, 5_000, None, 1)
    assert share == 1 - PROBE
