"""`stop`: no contact while a state such as a cease letter, an attorney or a moratorium covers the moment."""

from typing import Any, ClassVar

from gateway.domain.clock import Instant
from gateway.policy.facts import Case, State
from gateway.policy.fields import Fields
from gateway.policy.rules.base import Common, Rule, shown
from gateway.policy.states import covers, matching_states, read_match


class Stop(Rule, frozen=True, kw_only=True):
    """`match` are the keys in which state and candidate must agree; a key that the state lacks agrees."""

    kind: ClassVar[str] = "stop"

    states: tuple[str, ...]
    match: tuple[str, ...]

    @classmethod
    def parameters(cls, fields: Fields, common: Common) -> dict[str, Any]:
        states = fields.words("states")
        if not states:
            fields.wrong("states", "is missing; it lists the states that stop contact, such as [cease, attorney]")
        return {"states": states, "match": read_match(fields)}

    def idle(self, case: Case) -> bool:
        return not case.states

    def _meant(self, case: Case) -> list[State]:
        return matching_states(case, self.states, self.match)

    def _opens(self, case: Case, at: Instant) -> Instant | None:
        meant = self._meant(case) if case.states else ()
        if not meant:
            return at
        found: Instant | None = at
        while found is not None:
            covering = [state.until for state in meant if covers(state, found)]
            if not covering:
                return found
            found = None if None in covering else max(until for until in covering if until is not None)
        return None

    def _stays(self, case: Case, at: Instant) -> Instant | None:
        meant = self._meant(case)
        if not meant:
            return None
        starts = [at if state.from_ is None else max(at, state.from_) for state in meant]
        return min([start for state, start in zip(meant, starts, strict=True) if covers(state, start)], default=None)

    def code(self, case: Case, at: Instant) -> str:
        words = {state.state for state in self._meant(case) if covers(state, at)}
        return "opted_out" if words == {"opted_out"} else "stopped"

    def figures(self, case: Case, at: Instant) -> dict[str, Any]:
        return {
            "states": [
                {"state": held.state, "from": shown(held.from_), "until": shown(held.until), "account": held.account}
                for held in self._meant(case)
                if covers(held, at)
            ]
        }
