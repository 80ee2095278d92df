"""How the messages of a channel are dealt among its providers: by order or weight, and less to one that is slow.

A share is what is left to a provider of what its place or its weight gives it: 1 unless it is slow.
"""

from collections.abc import Sequence

SLOW_MS = 500
"""A send that takes less is not slow, whatever the others take."""
SLOW_TIMES = 3
"""so many times the fastest of the others"""
PROBE = 0.05
"""The share that is always left: so one that was slow is seen to recover, and one that is never asked gets measured."""
LOSS = 0.1
"""at one look"""
GAIN_PER_S = 0.01


def next_share(share: float, mean_ms: float | None, fastest_ms: float | None, seconds: float) -> float:
    """The share after a look, `seconds` after the last one. `mean_ms` is what a send takes lately and `fastest_ms` that
    of the fastest other provider; None: nobody knows. Where all are slow nobody is, and each one regains its share."""
    if mean_ms is None or mean_ms <= SLOW_MS:
        target = 1.0
    elif fastest_ms is None:
        target = 1 - PROBE
    else:
        target = PROBE if mean_ms > SLOW_TIMES * fastest_ms else 1.0
    if share > target:
        return max(target, share - LOSS)
    return min(target, share + GAIN_PER_S * seconds)


def parts(shares: Sequence[float], weights: Sequence[int] | None) -> list[float]:
    """What each provider gets beside the others that have room: by its weight, or in order of preference (None), where
    each one gets what those before it leave. 0 is a last resort."""
    if weights is not None:
        return [weight * share for weight, share in zip(weights, shares, strict=True)]
    left, found = 1.0, []
    for share in shares:
        found.append(left * share)
        left *= 1 - share
    return found


def turn(credits: list[float], given: Sequence[float]) -> int | None:
    """Whose turn it is, by smooth weighted round robin (as in nginx's upstream module): all are credited their part,
    and the one with most credit pays for all. Changes `credits`; None where nobody has a part."""
    best = None
    for place, part in enumerate(given):
        if part > 0:
            credits[place] += part
            if best is None or credits[place] > credits[best]:
                best = place
    if best is not None:
        credits[best] -= sum(given)
    return best
