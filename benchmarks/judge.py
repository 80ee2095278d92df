"""Measures one judgement: 12 rules over a person's file of 30 contacts. Prints µs of CPU; needs no arguments.

The goal is 25 µs. Each judgement gets a fresh case, as in the pipeline, so nothing sorted out of the history is reused.
"""

import time
from collections.abc import Callable
from pathlib import Path

from gateway.domain.clock import HOUR, parse_instant
from gateway.domain.ruling import Ruling
from gateway.policy.facts import Candidate, Case, PastContact, State
from gateway.policy.folder import read_folder
from gateway.policy.judge import judge
from gateway.policy.rules.base import Common, Rule
from gateway.policy.rules.registry import read_rule

ROUNDS = 20_000
NOON = parse_instant("2026-11-23T04:00:00Z")
NIGHT = parse_instant("2026-11-23T15:00:00Z")
"""In China; in New York they are the other way round, 23:00 and 10:00."""
SHARED = {"source": "benchmark", "status": "unverified", "effective": {"from": "2021-11-30"}}
COUNTS = ["*.sent", "call.unanswered", "call.voicemail", "*.conversation"]


def twelve_rules() -> tuple[Rule, ...]:
    raw: list[dict[str, object]] = [
        {"kind": "window", "hours": {"mon-sun": "08:00-21:00"}},
        {"kind": "window", "hours": {"mon-fri": "07:00-22:00", "sat-sun": ["08:00-12:00", "12:00-20:00"]}},
        {"kind": "window", "hours": {"mon-sun": "08:00-22:00"}, "clock": "fixed:Asia/Shanghai"},
        {"kind": "stop", "states": ["cease", "attorney"], "match": ["recipient", "account"]},
        {"kind": "stop", "states": ["opted_out"], "match": ["recipient", "channel", "address"]},
    ]
    withins: list[tuple[int, dict[str, object]]] = [
        (3, {"calendar": "day"}),
        (7, {"days": 7}),
        (3, {"rolling": "PT24H"}),
        (7, {"calendar": "week"}),
        (30, {"calendar": "month"}),
    ]
    for scope in (["recipient"], ["recipient", "account"]):
        for most, within in withins[: 5 if len(scope) == 1 else 2]:
            raw.append(
                {"kind": "cap", "max": most, "within": within, "counts": COUNTS, "scope": scope, "except": ["inbound"]}
            )
    rules = []
    for number, keys in enumerate(raw):
        rule, faults = read_rule({"id": f"rule-{number}", **SHARED, **keys}, Common())
        if rule is None:
            raise SystemExit(f"{keys}: {faults}")
        rules.append(rule)
    return tuple(rules)


def case(
    contacts: int, zones: tuple[str, ...] = ("Asia/Shanghai",), account: str = "A1", role: str = "creditor"
) -> Callable[[], Case]:
    history = tuple(
        PastContact(
            at=NOON - (contacts - n) * 32 * HOUR,
            channel=("sms", "call", "email")[n % 3],
            event=("delivered", "unanswered", "sent")[n % 3],
            recipient="C1",
            account=f"A{n % 3}",
            address="N1",
        )
        for n in range(contacts)
    )
    states = (State(state="night_consent", recipient="C1"),)
    candidate = Candidate(channel="sms", recipient="C1", account=account, address="N1", role=role)
    return lambda: Case(candidate=candidate, zones=zones, history=history, states=states)


def measure(name: str, run: Callable[[], Ruling]) -> None:
    run()
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(ROUNDS // 5):
            decision = run().decision
        best = min(best, (time.process_time() - start) / (ROUNDS // 5))
    print(f"{name:<48} {decision:<6} {best * 1e6:7.1f} µs")


def main() -> None:
    rules = twelve_rules()
    assert len(rules) == 12
    few, many = case(0), case(30)
    american = case(30, ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"))
    agency = case(30, ("America/New_York",), role="agency")
    policy = read_folder(Path(__file__).parent.parent / "config/policies").policy()
    chinese, states = policy.rules_for(("CN",)), policy.rules_for(("US-FL", "US"))
    measure("12 rules, no history", lambda: judge(rules, few(), NOON))
    measure("12 rules, 30 contacts", lambda: judge(rules, many(), NOON))
    measure("12 rules, 30 contacts, at night", lambda: judge(rules, many(), NIGHT))
    measure("12 rules, 30 contacts, four zones", lambda: judge(rules, american(), NOON))
    measure(f"CN and house ({len(chinese)} rules), creditor, 30 contacts", lambda: judge(chinese, many(), NOON))
    measure(f"US-FL, US and house ({len(states)} rules), agency, by day", lambda: judge(states, agency(), NIGHT))
    measure(f"US-FL, US and house ({len(states)} rules), agency, at night", lambda: judge(states, agency(), NOON))


if __name__ == "__main__":
    main()
