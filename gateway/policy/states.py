"""Finds the states of a person that a rule looks at: by their word, and by the keys in which they must agree."""

from collections.abc import Collection

from gateway.domain.clock import Instant
from gateway.policy.facts import Case, State
from gateway.policy.fields import Fields

MATCHES = ("recipient", "account", "address", "household", "creditor", "collector", "channel")


def matching_states(case: Case, words: Collection[str], match: tuple[str, ...]) -> list[State]:
    """The states of these words that agree with the candidate in every key of `match`; a key a state lacks agrees."""
    return [
        state
        for state in case.states
        if state.state in words and all(getattr(state, key) in (None, getattr(case.candidate, key)) for key in match)
    ]


def covers(state: State, at: Instant) -> bool:
    """Half-open; without `from` since ever, without `until` for ever."""
    return (state.from_ is None or state.from_ <= at) and (state.until is None or at < state.until)


def read_match(fields: Fields) -> tuple[str, ...]:
    return fields.words("match", ("recipient",), one_of=MATCHES)
