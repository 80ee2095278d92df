"""How many examples the properties of policy are asked with: few in `make test`, many in a campaign.

`POLICY_EXAMPLES` says how many a property of weight 1 gets; `python -m tests.policy.campaign` sets it.
"""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("POLICY_EXAMPLES", "100"))


def often(weight: float = 1) -> settings:
    """Settings of a property that costs `1 / weight` times as much as others."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(deadline=None, max_examples=max(1, round(EXAMPLES * weight)), suppress_health_check=slow)
