"""The life of a job under every order of events that anybody can think of."""

from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from channels.contract import Accepted, Channel, InDoubt, Outcome, ProviderReceipt, Refused, Unavailable
from gateway.domain import lifecycle
from gateway.domain.job import Attempt, Job, Limits, Track, TrackState, begin
from gateway.domain.receipt import Reason, Receipt
from gateway.domain.reminder import Reminder, parse_reminder
from gateway.pipeline.errand import due, read_record, reminder_of, write_record
from tests.stories.world import reminder

NOW = 1_800_000_000_000
LIMITS = Limits(doubt_ms=1000, attempts=3)
ADDRESSES = {"email": "li@example.com", "push": [{"provider": "fcm", "token": "t"}]}
CHANNELS: list[Channel] = ["sms", "email", "push", "call"]
EVIDENCE = ("sent", "delivered", "undelivered")

outcomes: st.SearchStrategy[Outcome] = st.sampled_from(
    [Accepted("m"), Refused("r", "no"), Unavailable("u", "later"), InDoubt("d", "who knows")]
)


class Life(RuleBasedStateMachine):
    """One job and its provider's view of it. `accepted` counts, by channel, what a provider took: the worst case, in
    which every doubt and every death of an owner hides an acceptance."""

    @initialize(
        channels=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=4, unique=True),
        strategy=st.sampled_from(["first", "all"]),
        reachable=st.sets(st.sampled_from(["email", "push"])),
    )
    def begin(self, channels: list[Channel], strategy: str, reachable: set[str]) -> None:
        known: dict[str, Any] = {key: value for key, value in ADDRESSES.items() if key in reachable}
        raw = msgspec.json.encode(reminder("a", channels=channels, strategy=strategy, recipient=known))
        read = parse_reminder(raw)
        assert isinstance(read, Reminder)
        self.now = NOW
        self.reminder = read
        self.job: Job = begin(read, raw, "s/1-0", NOW)
        self.told: list[Receipt] = []
        self.by_track: dict[int, list[Receipt]] = {index: [] for index in range(len(self.job.tracks))}
        self.taken: dict[str, int] = {}
        self.contacts: set[str] = set()

    # What every event has in common.

    def tracks(self, *states: TrackState) -> list[tuple[int, Track]]:
        return [(index, track) for index, track in enumerate(self.job.tracks) if track.state in states]

    def any_track(self, data: Any, *states: TrackState) -> tuple[int, Track]:
        return data.draw(st.sampled_from(self.tracks(*states)))

    def tell(self, index: int, receipts: list[Receipt]) -> None:
        for receipt in receipts:
            assert receipt.id == f"a#{len(self.told) + 1}"
            self.told.append(receipt)
            before = [said for said in self.by_track[index] if said.final]
            if before:
                assert [said.status for said in before] == ["presumed_sent"], (before, receipt)
                assert receipt.status in ("delivered", "undelivered")
            self.by_track[index].append(receipt)

    def settle_contact(self, contact: str, reference: str) -> None:
        if contact == "take_back":
            self.contacts.discard(reference)

    # Events, in any order.

    @precondition(lambda self: self.tracks("ready", "waiting"))
    @rule(data=st.data(), receipts=st.booleans())
    def claim(self, data: Any, receipts: bool) -> None:
        index, track = self.any_track(data, "ready", "waiting")
        channels = [channel for channel in track.channels if self.reminder.address(channel) is not None]
        if not channels:
            return
        channel = channels[0]
        attempt = Attempt(
            channel=channel, provider="p", reference=f"{index}-{channel}-{track.attempts + 1}", at=self.now, owner="me",
            receipts=receipts, locale="en", template_version="v", policy="house@1",
        )  # fmt: skip
        lifecycle.claim(track, attempt)
        self.contacts.add(attempt.reference)

    @precondition(lambda self: self.tracks("open"))
    @rule(data=st.data())
    def unclaim(self, data: Any) -> None:
        index, track = self.any_track(data, "open")
        assert track.attempt is not None
        self.contacts.discard(track.attempt.reference)
        lifecycle.unclaim(track)
        self.tell(index, lifecycle.arrival(self.job, track, self.reminder))  # as the line does at its next look

    @precondition(lambda self: self.tracks("open"))
    @rule(data=st.data())
    def owner_dies(self, data: Any) -> None:
        index, track = self.any_track(data, "open")
        self.tell(index, lifecycle.inherit(self.job, track, self.reminder, self.now))

    @precondition(lambda self: any(track.attempt for track in self.job.tracks))
    @rule(data=st.data(), outcome=outcomes, at_once=st.booleans())
    def an_answer_lands_however_late(self, data: Any, outcome: Outcome, at_once: bool) -> None:
        index, track = data.draw(st.sampled_from([(i, t) for i, t in enumerate(self.job.tracks) if t.attempt]))
        before, reference = track.state, track.attempt.reference
        channel = track.attempt.channel
        retry_at = None if at_once else self.now + 10
        step = lifecycle.settle(self.job, track, self.reminder, outcome, self.now, retry_at, LIMITS)
        if before not in ("open", "in_doubt"):
            assert (step.receipts, step.contact, track.state) == ([], "keep", before)
        elif isinstance(outcome, Accepted):
            self.taken[channel] = self.taken.get(channel, 0) + 1
        self.settle_contact(step.contact, reference)
        self.tell(index, step.receipts)

    @precondition(lambda self: any(track.attempt for track in self.job.tracks))
    @rule(data=st.data(), status=st.sampled_from(["sent", "delivered", "undelivered", "unknown"]))
    def a_report_comes(self, data: Any, status: Any) -> None:
        index, track = data.draw(st.sampled_from([(i, t) for i, t in enumerate(self.job.tracks) if t.attempt]))
        before = track.state
        receipt = ProviderReceipt(provider="p", reference=track.attempt.reference, status=status, at=self.now)
        step = lifecycle.report(self.job, track, track.attempt, self.reminder, receipt)
        if status == "sent":
            assert track.state in (before, "sent"), "a report of sent lowered a state"
            assert before in ("open", "in_doubt") or track.state == before
        if status == "unknown" or before in ("ended", "waiting", "ready"):
            assert (step.receipts, track.state) == ([], before)
        assert step.contact != "take_back", "what a provider reported on was a contact"
        self.tell(index, step.receipts)

    @precondition(lambda self: self.tracks("sent", "in_doubt"))
    @rule(data=st.data())
    def a_silence_is_over(self, data: Any) -> None:
        _, track = self.any_track(data, "sent", "in_doubt")
        attempt, before = track.attempt, track.state
        if lifecycle.go_on(track, self.reminder):
            assert (track.state, track.attempt, track.earlier[-1]) == ("ready", None, attempt)
        else:
            assert (track.state, track.attempt) == (before, attempt)

    @precondition(lambda self: any(track.earlier for track in self.job.tracks))
    @rule(data=st.data(), status=st.sampled_from(["sent", "delivered", "undelivered", "unknown"]))
    def a_report_of_an_earlier_message_comes(self, data: Any, status: Any) -> None:
        index, track = data.draw(st.sampled_from([(i, t) for i, t in enumerate(self.job.tracks) if t.earlier]))
        attempt, before = data.draw(st.sampled_from(track.earlier)), track.state
        receipt = ProviderReceipt(provider="p", reference=attempt.reference, status=status, at=self.now)
        step = lifecycle.report(self.job, track, attempt, self.reminder, receipt)
        if before in ("open", "ended"):
            assert track.state == before
            assert all(said.status == "undelivered" and not said.final for said in step.receipts)
        elif status == "delivered" and attempt.reached == self.now:
            assert track.state == "ended", "who was reached is written to no more"
        assert step.contact != "take_back"
        self.tell(index, step.receipts)

    @precondition(lambda self: self.tracks("sent", "in_doubt"))
    @rule(data=st.data())
    def the_horizon_passes(self, data: Any) -> None:
        index, track = self.any_track(data, "sent", "in_doubt")
        self.tell(index, lifecycle.presume(self.job, track, self.reminder, self.now))

    @precondition(lambda self: self.tracks("ready", "waiting"))
    @rule(data=st.data(), code=st.sampled_from(["quiet_hours", "paused", "limit"]), wait=st.sampled_from([None, 5, 10]))
    def it_must_wait(self, data: Any, code: str, wait: int | None) -> None:
        index, track = self.any_track(data, "ready", "waiting")
        reason = Reason(code=code, message="not now", until=None if wait is None else NOW + wait)
        said = lifecycle.defer(self.job, track, self.reminder, self.now, reason)
        assert not lifecycle.defer(self.job, track, self.reminder, self.now, reason), "the same deferral was told twice"
        self.tell(index, said)

    @precondition(lambda self: self.tracks("ready", "waiting"))
    @rule(data=st.data(), status=st.sampled_from(["suppressed", "expired", "cancelled", "rejected"]))
    def it_ends_unsent(self, data: Any, status: Any) -> None:
        index, track = self.any_track(data, "ready", "waiting")
        if lifecycle.go_back(track):
            assert track.state in ("sent", "in_doubt"), "what was sent ends by what is known of it"
            return
        reason = Reason(code="x", message="x")
        self.tell(index, [lifecycle.end(self.job, track, self.reminder, status, self.now, reason, None)])

    @rule(ms=st.integers(0, 2000))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @rule()
    def the_record_is_written_and_read(self) -> None:
        self.job = read_record(write_record(self.job))
        assert self.job.ended or reminder_of(self.job) == self.reminder

    # What always holds.

    @invariant()
    def a_track_ends_with_one_final_receipt_and_no_other_has_one(self) -> None:
        for index, track in enumerate(self.job.tracks):
            finals = [receipt for receipt in self.by_track[index] if receipt.final]
            if track.state == "ended":
                assert finals, self.by_track[index]
            elif track.state == "presumed":
                assert [receipt.status for receipt in finals] == ["presumed_sent"]
            else:
                assert not finals

    @invariant()
    def receipts_are_numbered_without_a_gap(self) -> None:
        assert self.job.told == len(self.told)

    @invariant()
    def no_provider_is_asked_again_about_a_channel_that_took_it(self) -> None:
        assert all(count <= 1 for count in self.taken.values()), self.taken

    @invariant()
    def what_may_have_left_counts_as_a_contact(self) -> None:
        for track in self.job.tracks:
            if track.state in ("open", "in_doubt", "sent", "presumed"):
                assert track.attempt is not None
                assert track.attempt.reference in self.contacts
            assert all(attempt.reference in self.contacts for attempt in track.earlier)

    @invariant()
    def who_was_reached_is_waited_for_no_more(self) -> None:
        for track in self.job.tracks:
            if any(attempt.reached is not None for attempt in track.earlier):
                assert track.state in ("open", "presumed", "ended")

    @invariant()
    def nothing_that_goes_on_is_forgotten(self) -> None:
        resting = [track for track in self.job.tracks if track.state in ("waiting", "sent", "in_doubt")]
        assert (due(self.job, None, LIMITS) is not None) == bool(resting)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
