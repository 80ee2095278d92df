"""The breaker as a machine: whatever happens in whatever order, it holds back, and it comes back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.pipeline.breaker import CANARIES, FAILURES_IN_A_ROW, PAUSES, TRUST_MS, Breaker, Minute

NOW = 1_800_000_000_000
HOUR = 3_600_000
MOST_PAUSE = max(most for _, most in PAUSES.values())

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 40)),
        st.tuples(st.just("answer"), st.just(0)),
        st.tuples(st.just("fail"), st.sampled_from([0, 0, 0, 500, 10**9])),
        st.tuples(st.just("doubt"), st.just(0)),
        st.tuples(st.just("vanish"), st.just(0)),
        st.tuples(st.just("pass"), st.sampled_from([1, 500, 1_000, 5_000, 61_000, HOUR, -1, -HOUR])),
    ),
    max_size=250,
)


class Wire:
    """A provider with slots, whoever claims them, and sends that end as a story wants."""

    def __init__(self, slots: int) -> None:
        self.slots, self.now, self.breaker, self.flying = slots, NOW, Breaker(), 0

    def room(self) -> int:
        most = self.breaker.most(self.now)
        return self.slots - self.flying if most is None else max(0, min(self.slots, most) - self.flying)

    def take(self, count: int) -> None:
        for _ in range(count):
            if self.room():
                self.flying += 1
                self.breaker = self.breaker.taken(self.now)

    def land(self, how: str, asked_ms: int = 0) -> None:
        if self.flying:
            self.flying -= 1
            if how == "answer":
                self.breaker = self.breaker.answered(self.now, self.slots)
            elif how != "vanish":  # a claim that was given back, unsent: nobody is blamed
                self.breaker = self.breaker.failed(self.now, "doubts" if how == "doubt" else "failures", asked_ms)

    def happen(self, event: str, value: int) -> None:
        if event == "take":
            self.take(value)
        elif event == "pass":
            self.now += value
        else:
            self.land(event, value)


def dead(slots: int = 64, why: str = "failures", now: int = NOW) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_IN_A_ROW):
        breaker = breaker.failed(now, "doubts" if why == "doubts" else "failures")
    return breaker


@given(EVENTS, st.integers(1, 100))
@settings(deadline=None)
def test_never_more_are_claimed_while_it_is_in_doubt_than_the_canary_allows(
    events: list[tuple[str, int]], slots: int
) -> None:
    wire = Wire(slots)
    run = 0
    for event, value in events:
        before, flying = wire.breaker, wire.flying
        wire.happen(event, value)
        after = wire.breaker
        if wire.flying > flying and after.state == "half_open":
            assert wire.flying <= after.allowed
        if wire.flying > flying:
            assert not before.waits(wire.now)
            assert after.state != "open"
        if before.state == "half_open":
            run = run + 1 if event == "answer" and flying else run
            if after.state == "half_open":
                assert after.allowed <= run + 1, "it grows by answers and by nothing else"
            elif after.state == "closed":
                assert run >= 2 * max(min(slots, CANARIES), CANARIES) - 1
            if flying and event in ("fail", "doubt") and before.allowed <= CANARIES:
                assert after.state == "open"
        if after.state != "half_open":
            run = 0


@given(EVENTS, st.integers(1, 100))
@settings(deadline=None)
def test_it_always_recovers_once_the_provider_answers(events: list[tuple[str, int]], slots: int) -> None:
    wire = Wire(slots)
    for event, value in events:
        wire.happen(event, value)
    while wire.flying:
        wire.land("answer")
    wire.now += MOST_PAUSE
    rounds = 0
    while wire.breaker.state != "closed":
        assert wire.room() >= 1, "nobody could ever show that it works again"
        wire.take(slots)
        while wire.flying:
            wire.land("answer")
        rounds += 1
        assert rounds <= 4 * slots + 64


@given(EVENTS, st.integers(1, 100))
@settings(deadline=None)
def test_no_pause_outlasts_its_own_length_whatever_the_clock_does(events: list[tuple[str, int]], slots: int) -> None:
    wire = Wire(slots)
    for event, value in events:
        wire.happen(event, value)
        assert wire.breaker.pause <= MOST_PAUSE
        assert not wire.breaker.waits(wire.breaker.since - 1)
        assert not wire.breaker.waits(wire.breaker.until)


def test_a_ramp_is_1_2_4_8_and_so_on_up_to_the_slots() -> None:
    wire = Wire(64)
    wire.breaker = dead()
    wire.now += PAUSES["failures"][0]
    seen = []
    while wire.breaker.state != "closed":
        wire.take(1000)
        seen.append(wire.flying)
        while wire.flying:
            wire.land("answer")
    assert seen == [1, 2, 4, 8, 16, 32, 64]


def test_pauses_double_up_to_their_most_and_are_longer_where_each_canary_may_cost_a_message() -> None:
    for why in ("failures", "doubts"):
        breaker, now = dead(why=why), NOW
        pauses = [breaker.pause]
        for _ in range(9):
            now = breaker.until
            breaker = breaker.taken(now).failed(now, "doubts" if why == "doubts" else "failures")
            pauses.append(breaker.pause)
        assert pauses[:5] == [1_000, 2_000, 4_000, 8_000, 16_000]
        assert pauses[-1] == {"failures": 30_000, "doubts": 120_000}[why]


def test_one_that_answers_every_second_request_does_not_stay_first() -> None:
    breaker, asked = Breaker(), 0
    while breaker.state == "closed":
        breaker = breaker.failed(NOW, "failures") if asked % 2 else breaker.answered(NOW, 64)
        asked += 1
        assert asked <= 100
    now, pauses = NOW, []
    for _ in range(8):
        now = breaker.until
        breaker = breaker.taken(now).answered(now, 64).failed(now, "failures")
        pauses.append(breaker.pause)
    assert pauses[-1] == 30_000


def test_one_whose_failures_are_few_and_regular_is_trusted_and_comes_back_after_an_outage() -> None:
    breaker, now = Breaker(), NOW
    for number in range(5_000):
        breaker = breaker.failed(now, "failures") if number % 20 == 19 else breaker.answered(now, 64)
    assert breaker.state == "closed"
    breaker = dead()
    now = breaker.until
    breaker = breaker.taken(now)
    for number in range(400):
        breaker = breaker.failed(now, "failures") if number % 20 == 19 else breaker.answered(now, 16)
    assert breaker.state == "closed"


def test_it_heeds_the_providers_own_wish_up_to_a_minute() -> None:
    breaker = dead()
    canary = breaker.taken(breaker.until)
    assert canary.failed(NOW, "failures", asked_ms=20_000).pause == 20_000
    assert canary.failed(NOW, "failures", asked_ms=HOUR).pause == 60_000


def test_who_opens_soon_after_closing_has_not_recovered_and_who_worked_for_long_begins_anew() -> None:
    def closed_again(breaker: Breaker) -> Breaker:
        breaker = breaker.taken(breaker.until)
        while breaker.state != "closed":
            breaker = breaker.answered(NOW, 8)
        return breaker

    breaker = closed_again(dead())
    for _ in range(FAILURES_IN_A_ROW):
        soon = breaker = breaker.failed(NOW + 1, "failures")
    breaker = closed_again(dead())
    for _ in range(FAILURES_IN_A_ROW):
        late = breaker = breaker.failed(NOW + TRUST_MS, "failures")
    assert (soon.pause, late.pause) == (2_000, 1_000)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=120), st.integers(1, 30))
@settings(deadline=None)
def test_the_minute_never_lets_more_than_twice_the_budget_pass_and_never_fewer_than_the_budget(
    steps: list[int], budget: int
) -> None:
    minute, now, at = Minute(), NOW, []
    for step in steps:
        now += step
        at.append(now)
        minute.sent(now)
        spent = minute.doubted(now, budget)
        lately = len([one for one in at if now - one < 60_000])
        assert not spent or len([one for one in at if now - one < 120_000]) > budget
        assert spent or lately <= 2 * budget
