"""What becomes of a job, as a pure function of what was observed."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from channels.contract import Accepted, Facts, Message, Outcome
from gateway.domain.job import begin
from gateway.domain.reminder import Reminder, parse_reminder
from gateway.pipeline.assess import Admit, Finish, Plan, Postpone, assess
from gateway.pipeline.desks import Desk, Desks
from gateway.pipeline.files import PersonFile
from gateway.pipeline.view import House, View
from gateway.policy.facts import PastContact, State
from gateway.policy.folder import read_folder
from gateway.policy.policy import Policy
from gateway.rendering.catalog import Catalog
from tests.stories.world import COUNTS, OPEN_HOUSE, ROOT, reminder

NOW = 1_795_428_000_000
"""2026-11-23T10:00:00Z"""


class Nobody:
    facts = Facts(kind="nobody", channel="sms", receipts=False)
    name = "nobody"

    async def start(self) -> None: ...

    async def send(self, message: Message, timeout: float) -> Outcome:
        return Accepted(None)

    async def close(self) -> None: ...


@cache
def catalog() -> Catalog:
    return Catalog.load(ROOT / "templates", "en")


def policy_of(folder: Path, most: int = 3) -> Policy:
    (folder / "house.yaml").write_text(OPEN_HOUSE.format(
        max=most, within="{rolling: PT24H}", otherwise="defer", counts=COUNTS
    ))  # fmt: skip
    policy = read_folder(folder).policy()
    assert not policy.faults
    return policy


def house(folder: Path, most: int = 3) -> House:
    desks = Desks({"sms": [Desk("sms", Nobody(), 4, 10, None)]})
    return House(
        policy=policy_of(folder, most), catalog=catalog(), desks=desks, locale="en", jurisdiction="DE", role="creditor"
    )


def decide(folder: Path, person: PersonFile | None = None, most: int = 3, **given: Any) -> Plan:
    raw = msgspec.json.encode(reminder("a", **given))
    read = parse_reminder(raw)
    assert isinstance(read, Reminder), read
    job = begin(read, raw, "s/1-0", NOW)
    view = View(
        reminder=read, job=job, person=person or PersonFile(), household=None, pauses=(), cancelled=None, now=NOW
    )  # fmt: skip
    return assess(view, job.tracks[0], house(folder, most))


def past(*times: int) -> PersonFile:
    contacts = tuple(PastContact(at=at, channel="sms", event="delivered", recipient="p-a") for at in times)
    return PersonFile(version=1, contacts=contacts, names=tuple(f"c:{at}" for at in times))


def test_a_job_whom_nothing_forbids_is_admitted(tmp_path: Path) -> None:
    plan = decide(tmp_path)
    assert isinstance(plan, Admit)
    assert plan.channel == "sms"


@pytest.mark.parametrize("ahead_ms", [1, 5_000, 300_000])
def test_a_contact_that_a_faster_clock_wrote_counts_at_once(tmp_path: Path, ahead_ms: int) -> None:
    plan = decide(tmp_path, past(NOW - 1000, NOW + ahead_ms - 1, NOW + ahead_ms))
    assert isinstance(plan, Postpone)
    assert plan.reason.code == "limit"
    assert isinstance(decide(tmp_path, past(NOW - 1000, NOW + ahead_ms)), Admit)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"template": "no_such_template"}, "unknown_template"),
        ({"params": {"name": "A"}}, "missing_variable"),
        ({"recipient": {"phone": None}}, "no_address"),
        ({"recipient": {"jurisdiction": "UK"}}, "bad_jurisdiction"),
        ({"recipient": {"jurisdiction": "US-XX"}}, "bad_jurisdiction"),
    ],
)
def test_what_can_never_be_sent_is_answered_at_once(tmp_path: Path, given: dict[str, Any], code: str) -> None:
    plan = decide(tmp_path, **given)
    assert isinstance(plan, Finish)
    assert (plan.status, plan.reason.code) == ("rejected", code)


@pytest.mark.parametrize("code", ["DE", "GB", "US-FL", "IN-MH", "PR"])
def test_a_jurisdiction_without_a_pack_is_judged_by_its_parents_and_the_house(tmp_path: Path, code: str) -> None:
    assert isinstance(decide(tmp_path, recipient={"jurisdiction": code}), Admit)


@pytest.mark.parametrize("code", ["EU", "US-NYC"])
def test_a_code_that_the_house_made_up_and_has_a_pack_for_is_one(tmp_path: Path, code: str) -> None:
    assert not isinstance(decide(tmp_path, recipient={"jurisdiction": code}), Admit)
    pack = f"{{code: {code}, title: Our own, version: test.1, notice: Not legal advice., clock: recipient, rules: []}}"
    (tmp_path / f"{code}.yaml").write_text(pack)
    assert isinstance(decide(tmp_path, recipient={"jurisdiction": code}), Admit)
    assert not isinstance(decide(tmp_path, recipient={"jurisdiction": f"{code[:2]}-QQ"}), Admit)


def test_a_job_that_must_wait_until_it_is_over_expires_now(tmp_path: Path) -> None:
    plan = decide(tmp_path, past(NOW - 1000, NOW - 900, NOW - 800), expires_at="2026-11-24T09:00:00Z")
    assert isinstance(plan, Finish)
    assert (plan.status, plan.reason.code) == ("expired", "limit")


def test_a_channel_passed_over_is_waited_for_where_the_others_come_too_late(tmp_path: Path) -> None:
    """Sms opens within the hour, email only when the job is over."""
    policy = house(tmp_path)
    rule = (
        "  - {{id: house.{0}, kind: window, source: s, status: verified, applies: {{channels: [{0}]}}, "
        'hours: {{mon-sun: "{1}"}}, clock: "fixed:UTC", otherwise: {2}}}\n'
    )
    text = (tmp_path / "house.yaml").read_text()
    more = rule.format("sms", "11:00-12:00", "next_channel") + rule.format("email", "20:00-21:00", "defer")
    (tmp_path / "house.yaml").write_text(text + more)
    ruled = msgspec.structs.replace(policy, policy=read_folder(tmp_path).policy())
    raw = msgspec.json.encode(
        reminder("a", channels=["sms", "email"], recipient={"email": "a@b.example"}, expires_at="2026-11-23T15:00:00Z")
    )
    read = parse_reminder(raw)
    assert isinstance(read, Reminder)
    job = begin(read, raw, "s/1-0", NOW)
    view = View(
        reminder=read, job=job, person=PersonFile(), household=None, pauses=(), cancelled=None, now=NOW
    )  # fmt: skip
    plan = assess(view, job.tracks[0], ruled)
    assert isinstance(plan, Postpone)
    assert plan.reason.rule == "house.sms"


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("s:consent:1-0:a", State(state="night_consent", recipient="p-a", from_=NOW - 1, until=NOW + 600_000)),
        ("s:stop:1-0:b", State(state="moratorium", recipient="p-a", from_=NOW + 600_000)),
        ("s:stop:1-0:c", State(state="opted_out", channel="sms", recipient="p-a", from_=NOW + 600_000)),
    ],
)
def test_what_is_admitted_is_worth_sending_only_until_a_consent_ends_or_a_stop_begins(
    tmp_path: Path, name: str, state: State
) -> None:
    plan = decide(tmp_path, PersonFile(1, states=(state,), state_names=(name,)))
    assert isinstance(plan, Admit)
    assert plan.closes == NOW + 600_000
