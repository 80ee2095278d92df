"""What a stop forbids without any rule, and what packs may exempt from it."""

import pytest

from gateway.domain.clock import parse_instant
from gateway.policy.facts import State
from gateway.policy.stops import REASONS, exemptions, stopped
from tests.contracts.rule import build, candidate

AT = parse_instant("2026-06-10T12:00:00Z")


@pytest.mark.parametrize("reason", REASONS)
def test_a_stop_that_names_nothing_forbids_everything(reason: str) -> None:
    state = State(state=reason, recipient="C1")
    assert stopped((state,), candidate(), AT) is state
    assert stopped((state,), candidate(channel="email", account="D9"), AT) is state


def test_an_opt_out_is_about_its_channel_or_address_for_every_debt() -> None:
    channel = State(state="opted_out", channel="sms", account="D9")
    assert stopped((channel,), candidate(), AT) is channel
    assert stopped((channel,), candidate(channel="email"), AT) is None
    address = State(state="opted_out", address="N1")
    assert stopped((address,), candidate(channel="call"), AT) is address
    assert stopped((address,), candidate(address="N2"), AT) is None


@pytest.mark.parametrize("reason", REASONS[1:])
def test_every_other_reason_is_about_its_account_on_every_channel(reason: str) -> None:
    state = State(state=reason, account="D1", channel="email", address="N9")
    assert stopped((state,), candidate(channel="sms"), AT) is state
    assert stopped((state,), candidate(account="D2"), AT) is None


def test_a_job_that_names_no_account_cannot_show_that_it_is_about_another() -> None:
    state = State(state="cease", account="D1")
    assert stopped((state,), candidate(account=None), AT) is state


def test_a_stop_of_another_person_of_the_household_is_theirs() -> None:
    assert stopped((State(state="deceased", recipient="C2"),), candidate(), AT) is None


def test_a_stop_holds_from_its_beginning_until_its_end() -> None:
    state = State(state="moratorium", from_=AT, until=AT + 1000)
    assert [stopped((state,), candidate(), at) is state for at in (AT - 1, AT, AT + 999, AT + 1000)] == [
        False,
        True,
        True,
        False,
    ]


def test_consents_and_states_that_only_packs_name_do_not_stop() -> None:
    assert stopped((State(state="night_consent"), State(state="instalment_plan")), candidate(), AT) is None


def test_a_purpose_is_exempt_only_if_every_rule_that_names_the_state_exempts_it() -> None:
    lenient = build({"kind": "stop", "states": ["cease", "dispute"], "except_purposes": ["legal", "servicing"]})
    strict = build({"kind": "stop", "states": ["cease"], "except_purposes": ["legal"]})
    both = exemptions((lenient, strict), candidate(), AT)
    assert both == {"cease": frozenset({"legal"}), "dispute": frozenset({"legal", "servicing"})}
    state = State(state="cease", account="D1")
    assert stopped((state,), candidate(purpose="legal"), AT, both) is None
    assert stopped((state,), candidate(purpose="servicing"), AT, both) is state
    assert stopped((State(state="attorney"),), candidate(purpose="legal"), AT, both) is not None


def test_rules_for_others_or_out_of_force_exempt_nothing() -> None:
    keys = {"kind": "stop", "states": ["cease"], "except_purposes": ["legal"]}
    for extra in (
        {"applies": {"roles": ["agency"]}},
        {"applies": {"channels": ["letter"]}},
        {"effective": {"until": "2026-06-10"}},
        {"effective": {"from": "2026-06-11"}},
    ):
        assert exemptions((build({**keys, **extra}),), candidate(), AT) == {}
