"""When a provider's answer to a send was known: by the steps of its job, of which other tracks may have some."""

from typing import Any

import pytest

from gateway.queries.providers import answered_after


def step(**states: str) -> dict[str, Any]:
    return {"tracks": [{"state": state, "attempt": {"reference": name}} for name, state in states.items()]}


@pytest.mark.parametrize(
    ("steps", "after"),
    [
        ([(5, step(sms="sent"))], 5),
        ([(2, step(sms="open", email="sent")), (7, step(sms="sent", email="sent"))], 7),
        ([(5, step(sms="waiting"))], 5),
        ([(5, step(sms="in_doubt")), (900, step(sms="ended"))], None),
        ([(5, {"tracks": [{"state": "waiting", "attempts": 0}]})], None),
        ([(5, {"who": "ann", "what": "reveal"})], None),
        ([], None),
    ],
)
def test_the_first_step_that_knows_the_answer_tells_when_it_was_there(
    steps: list[tuple[int, Any]], after: int | None
) -> None:
    assert answered_after(steps, "sms") == after
