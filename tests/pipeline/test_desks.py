"""A desk: slots, health, and the turns that a channel gives to those who find no room."""

from collections import Counter
from itertools import pairwise

from channels.contract import TOO_LATE, Accepted, Facts, InDoubt, Message, Outcome, Refused, Unavailable
from gateway.pipeline.breaker import CANARIES, FAILURES_IN_A_ROW, PAUSES
from gateway.pipeline.desks import SILENT_FROM, SILENT_MS, SPREAD_MOST_MS, Desk, Desks, Wait
from gateway.pipeline.shares import PROBE

NOW = 1_800_000_000_000
HOUR = 3_600_000
TOOK = Accepted(None)
DOWN = Unavailable("503", "down")
LOST = InDoubt("timeout", "lost")


class Nobody:
    def __init__(self, name: str, targets: tuple[str, ...] = ()) -> None:
        self.name, self.facts = name, Facts(kind="nobody", channel=None, receipts=False, targets=targets)

    async def start(self) -> None: ...

    async def send(self, message: Message, timeout: float) -> Outcome:
        return Accepted(None)

    async def close(self) -> None: ...


def desk(name: str = "a", slots: int = 4, rate: float | None = None, weight: int | None = None) -> Desk:
    return Desk("sms", Nobody(name), slots, 10, rate, weight)


def sends(one: Desk, outcome: Outcome, now: int, took_ms: int = 1) -> None:
    one.take(now)
    one.learn(outcome, now, took_ms)
    if isinstance(outcome, InDoubt):
        one.doubted(now)
    one.give_back()


def dies(one: Desk, now: int) -> None:
    for _ in range(FAILURES_IN_A_ROW):
        sends(one, DOWN, now)


def dealt(desks: Desks, count: int, now: int) -> list[str]:
    found = [desks.pick("sms", now, (), None) for _ in range(count)]
    return [one.name for one in found if isinstance(one, Desk)]


def test_a_desk_that_has_sent_nothing_yet_gives_turns_at_the_pace_of_its_slots_and_not_one_a_second() -> None:
    quick = Desks({"sms": [desk(slots=64)]})
    turns = [quick.next_turn("sms", NOW) for _ in range(640)]
    assert turns[0] >= NOW + 250
    assert turns[-1] <= NOW + 250 + 1_100
    assert turns == sorted(turns)


def test_a_desk_that_rested_is_not_taken_for_a_slow_one() -> None:
    rested = desk(slots=10)
    for second in range(60):
        rested.learn(TOOK, NOW + second * 1000, took_ms=50)
    desks = Desks({"sms": [rested]})
    turns = [desks.next_turn("sms", NOW + 60_000) for _ in range(200)]
    assert turns[-1] <= NOW + 60_000 + 250 + 200 * 50 / 10 + 300


def test_turns_keep_to_a_rate_where_there_is_one_and_two_providers_are_quicker_than_one() -> None:
    paced = Desks({"sms": [desk(slots=64, rate=10)]})
    turns = [paced.next_turn("sms", NOW) for _ in range(11)]
    assert turns[-1] - turns[0] == 1000
    both = Desks({"sms": [desk("a", slots=64, rate=10), desk("b", slots=64, rate=10)]})
    turns = [both.next_turn("sms", NOW) for _ in range(11)]
    assert turns[-1] - turns[0] == 500


def test_a_clock_that_is_put_back_puts_the_line_back_with_it() -> None:
    desks = Desks({"sms": [desk(slots=64, rate=10)]})
    for _ in range(100):
        desks.next_turn("sms", NOW)
    earlier = NOW - HOUR
    assert desks.next_turn("sms", earlier) <= earlier + 250 + 101 * 100


def test_the_next_one_takes_over_when_the_first_is_down_and_the_first_comes_back_by_a_canary() -> None:
    sick, other = desk("sick"), desk("other")
    desks = Desks({"sms": [sick, other]})
    for _ in range(FAILURES_IN_A_ROW):
        assert desks.pick("sms", NOW, (), None) is sick
        sends(sick, DOWN, NOW)
    assert desks.pick("sms", NOW, (), None) is other
    assert desks.parts("sms", NOW) == {"sick": 0.0, "other": 1.0}
    first, _ = PAUSES["failures"]
    assert desks.pick("sms", NOW, ("other",), None) == Wait("down", NOW + first)
    sick.learn(TOOK, NOW, took_ms=1)
    assert sick.down(NOW), "the answer of a send from before says nothing of now"
    back = NOW + first
    assert desks.pick("sms", back, (), None) is sick
    sick.take(back)
    assert desks.pick("sms", back, (), None) is other, "one canary at a time"
    assert desks.alternatives(other, back)


def test_doubts_in_a_row_count_like_failures_and_a_desk_that_answers_is_trusted_again() -> None:
    sick = desk()
    for _ in range(FAILURES_IN_A_ROW):
        sends(sick, LOST, NOW)
    assert (sick.breaker.state, sick.breaker.why) == ("open", "doubts")
    back = sick.breaker.until
    for _ in range(2 * CANARIES - 1):
        assert sick.breaker.state != "closed"
        sends(sick, TOOK, back)
    assert sick.breaker.state == "closed"
    assert sick.room(back) == sick.slots


def test_a_pause_is_over_for_a_clock_that_was_put_back() -> None:
    sick = desk()
    dies(sick, NOW)
    assert sick.room(NOW) == 0
    assert sick.room(NOW - HOUR) == 1


def test_those_who_wait_for_a_provider_come_back_one_behind_the_other_and_not_as_a_herd() -> None:
    sick = desk(slots=4)
    dies(sick, NOW)
    desks = Desks({"sms": [sick]})
    waits = [desks.pick("sms", NOW, (), None) for _ in range(10_000)]
    times = [wait.until or 0 for wait in waits if isinstance(wait, Wait)]
    opens = sick.breaker.until
    assert times[0] == opens
    assert times == sorted(times)
    assert max(Counter(times[:1000]).values()) == 1
    assert times[-1] == opens + SPREAD_MOST_MS


def test_the_desk_to_avoid_is_taken_only_when_it_is_the_last() -> None:
    first, second = desk("first", slots=1), desk("second", slots=1)
    desks = Desks({"sms": [first, second]})
    assert desks.pick("sms", NOW, (), "first") is second
    second.take(NOW)
    assert desks.pick("sms", NOW, (), "first") is first
    first.take(NOW)
    assert desks.pick("sms", NOW, (), None) == Wait("full")
    assert desks.pick("sms", NOW, ("first", "second"), None) == Wait("paused")
    assert desks.pick("email", NOW, (), None) == Wait("none")


def test_weights_deal_smoothly_and_the_weight_0_is_a_last_resort() -> None:
    a, b, spare = desk("a", slots=99, weight=5), desk("b", slots=99, weight=1), desk("spare", slots=99, weight=0)
    also = desk("also", slots=99)  # of no weight beside others that have one: 1
    desks = Desks({"sms": [a, b, spare, also]})
    assert dealt(desks, 7, NOW) == ["a", "a", "b", "a", "also", "a", "a"]
    assert Counter(dealt(desks, 700, NOW)) == {"a": 500, "b": 100, "also": 100}
    for one in (a, b, also):
        dies(one, NOW)
    assert dealt(desks, 3, NOW) == ["spare"] * 3
    assert desks.parts("sms", NOW)["spare"] == 1.0


def test_a_slow_provider_loses_share_by_steps_keeps_a_probe_and_regains_it_slowly() -> None:
    slow, quick = desk("slow", slots=999), desk("quick", slots=999)
    desks = Desks({"sms": [slow, quick]})
    assert set(dealt(desks, 50, NOW)) == {"slow"}
    shares = []
    for second in range(1, 200):
        now = NOW + second * 1000
        for name in dealt(desks, 40, now):
            late = name == "slow" and second < 60
            desks.by_name[name].learn(TOOK, now, took_ms=3_000 if late else 100)
        shares.append(slow.share)
    steps = [after - before for before, after in pairwise(shares)]
    assert min(steps) >= -0.1001
    assert max(steps) <= 0.0101
    assert min(shares) == PROBE
    assert Counter(shares)[PROBE] > 20
    assert slow.share == 1.0
    assert set(dealt(desks, 50, NOW + 200_000)) == {"slow"}


def test_where_all_are_slow_nobody_is_blamed_and_the_order_stays() -> None:
    first, second = desk("first", slots=999), desk("second", slots=999)
    desks = Desks({"sms": [first, second]})
    given: Counter[str] = Counter()
    for step in range(120):
        now = NOW + step * 1000
        for name in dealt(desks, 40, now):
            given[name] += 1
            desks.by_name[name].learn(TOOK, now, took_ms=4_000)
    assert given["first"] > 0.9 * given.total()
    assert given["second"] > 0, "nobody would know that it is slow as well"
    assert first.share > 0.9


def test_a_provider_that_is_down_is_not_the_one_that_others_are_slow_beside() -> None:
    slow, dead = desk("slow", slots=999), desk("dead", slots=999)
    desks = Desks({"sms": [slow, dead]})
    dead.learn(TOOK, NOW, took_ms=1)
    dies(dead, NOW)
    for step in range(30):
        sends(slow, TOOK, NOW + step * 1000, took_ms=4_000)
        desks.pick("sms", NOW + step * 1000, (), None)
    assert slow.share == 1.0


def test_nor_is_one_of_which_nothing_was_heard_lately() -> None:
    slow, resting = desk("slow", slots=999), desk("resting", slots=999)
    desks = Desks({"sms": [slow, resting]})
    resting.learn(TOOK, NOW, took_ms=1)
    for step in range(30):
        now = NOW + 2 * 60_000 + step * 1000
        sends(slow, TOOK, now, took_ms=4_000)
        desks.pick("sms", now, (), None)
    assert slow.share == 1 - PROBE, "enough for the other to be measured, and no more"


def test_a_silent_provider_gets_nothing_more_until_something_is_heard() -> None:
    silent, other = desk("silent", slots=64), desk("other", slots=64)
    desks = Desks({"sms": [silent, other]})
    for _ in range(SILENT_FROM):
        silent.take(NOW)
    assert desks.pick("sms", NOW + SILENT_MS, (), None) is silent
    assert desks.pick("sms", NOW + SILENT_MS + 1, (), None) is other
    assert desks.pick("sms", NOW + SILENT_MS + 1, ("other",), None) == Wait("full")
    silent.learn(TOOK, NOW + SILENT_MS + 2, took_ms=SILENT_MS)
    assert desks.pick("sms", NOW + SILENT_MS + 3, (), None) is silent


def test_too_many_doubts_in_a_minute_pause_the_provider_and_the_log_says_so() -> None:
    doubtful = desk(slots=64)
    for number in range(20):
        sends(doubtful, LOST, NOW + number * 1000)
        sends(doubtful, TOOK, NOW + number * 1000)
        sends(doubtful, TOOK, NOW + number * 1000)
    assert doubtful.breaker.state == "closed"
    sends(doubtful, LOST, NOW + 20_000)
    assert (doubtful.breaker.state, doubtful.breaker.why) == ("open", "doubt_budget")
    pause, _ = PAUSES["doubt_budget"]
    assert doubtful.down(NOW + 20_000 + pause - 1)
    assert doubtful.room(NOW + 20_000 + pause) == 1


def test_few_doubts_among_many_sends_and_doubts_of_long_ago_pause_nobody() -> None:
    busy, seldom = desk("busy", slots=64), desk("seldom", slots=64)
    for number in range(6_000):
        sends(busy, LOST if number % 50 == 0 else TOOK, NOW + number * 10)
    for number in range(500):
        sends(seldom, LOST if number % 3 == 0 else TOOK, NOW + number * 5_000)
    assert busy.breaker.state == "closed"
    assert seldom.breaker.state == "closed"


def test_what_is_too_late_and_what_is_refused_for_good_blames_nobody() -> None:
    blameless = desk()
    for _ in range(100):
        sends(blameless, Unavailable(TOO_LATE, "nobody was asked"), NOW)
        sends(blameless, Refused("21211", "no such number"), NOW)
    assert blameless.breaker.state == "closed"
    assert blameless.breaker.row == 0


def test_of_a_rate_nothing_is_leased_for_a_provider_that_is_down() -> None:
    paced = desk(rate=10)
    assert paced.wants_tokens(NOW)
    dies(paced, NOW)
    assert not paced.wants_tokens(NOW)
    assert paced.wants_tokens(NOW + PAUSES["failures"][0])


def test_a_push_goes_to_a_provider_that_reaches_its_target_and_the_others_are_no_alternative() -> None:
    one, two, other = (
        Desk("push", Nobody(name, targets), 4, 10, None)
        for name, targets in (("one", ("red",)), ("two", ("red", "green")), ("other", ("blue",)))
    )
    desks = Desks({"push": [one, two, other]})
    assert desks.targets == {"red", "green", "blue"}
    assert desks.pick("push", NOW, (), None, "red") is one
    assert desks.pick("push", NOW, (), "one", "red") is two
    assert desks.pick("push", NOW, (), "two", "green") is two
    assert desks.pick("push", NOW, (), None, "blue") is other
    assert desks.parts("push", NOW) == {"one": 1.0, "two": 0.0, "other": 1.0}
    assert desks.alternatives(one, NOW)
    assert not desks.alternatives(other, NOW)
    dies(other, NOW)
    assert desks.pick("push", NOW, (), None, "blue") == Wait("down", other.breaker.until)
    assert desks.pick("push", NOW, (), None, "green") is two
