"""A desk: slots, a breaker, and the turns it gives to those who find no room."""

from channels.contract import Accepted, Facts, InDoubt, Message, Outcome, Unavailable
from gateway.pipeline.desks import DOWN_FIRST_MS, FAILURES_IN_A_ROW, Desk, Desks, Wait

NOW = 1_800_000_000_000


class Nobody:
    facts = Facts(kind="nobody", channel="sms", receipts=False)

    def __init__(self, name: str) -> None:
        self.name = name

    async def start(self) -> None: ...

    async def send(self, message: Message, timeout: float) -> Outcome:
        return Accepted(None)

    async def close(self) -> None: ...


def desk(name: str = "a", slots: int = 4, rate: float | None = None) -> Desk:
    return Desk("sms", Nobody(name), slots, 10, rate)


def test_a_desk_that_has_sent_nothing_yet_gives_turns_at_the_pace_of_its_slots_and_not_one_a_second() -> None:
    quick = desk(slots=64)
    turns = [quick.next_turn(NOW) for _ in range(640)]
    assert turns[0] >= NOW + 250
    assert turns[-1] <= NOW + 250 + 1_100
    assert turns == sorted(turns)


def test_a_desk_that_rested_is_not_taken_for_a_slow_one() -> None:
    rested = desk(slots=10)
    for second in range(60):
        rested.learn(Accepted(None), NOW + second * 1000, took_ms=50)
    turns = [rested.next_turn(NOW + 60_000) for _ in range(200)]
    assert turns[-1] <= NOW + 60_000 + 250 + 200 * 50 / 10 + 300


def test_turns_keep_to_a_rate_where_there_is_one() -> None:
    paced = desk(slots=64, rate=10)
    turns = [paced.next_turn(NOW) for _ in range(11)]
    assert turns[-1] - turns[0] == 1000


def test_the_breaker_opens_after_failures_in_a_row_and_any_answer_closes_it() -> None:
    sick, other = desk("sick"), desk("other")
    desks = Desks({"sms": [sick, other]})
    for _ in range(FAILURES_IN_A_ROW):
        assert desks.pick("sms", NOW, (), None) is sick
        sick.learn(Unavailable("503", "down"), NOW, took_ms=1)
    assert desks.pick("sms", NOW, (), None) is other
    assert desks.pick("sms", NOW, ("other",), None) == Wait("down", NOW + DOWN_FIRST_MS)
    sick.learn(InDoubt("lost", "lost"), NOW, took_ms=1)
    assert sick.down_until > NOW
    sick.learn(Accepted(None), NOW, took_ms=1)
    assert desks.pick("sms", NOW, (), None) is sick


def test_the_desk_to_avoid_is_taken_only_when_it_is_the_last() -> None:
    first, second = desk("first", slots=1), desk("second", slots=1)
    desks = Desks({"sms": [first, second]})
    assert desks.pick("sms", NOW, (), "first") is second
    second.take()
    assert desks.pick("sms", NOW, (), "first") is first
    first.take()
    assert desks.pick("sms", NOW, (), None) == Wait("full")
    assert desks.pick("sms", NOW, ("first", "second"), None) == Wait("paused")
    assert desks.pick("email", NOW, (), None) == Wait("none")
