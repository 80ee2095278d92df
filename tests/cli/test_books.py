"""The demo's books tell when something is amiss, or their balance would prove nothing."""

from typing import Any

import msgspec

from gateway.cli.books import Account, Books
from gateway.cli.portfolio import PEOPLE, Sample, Story
from gateway.domain.clock import DAY, HOUR, format_instant
from gateway.domain.receipt import Receipt, Status

NOW = 1_800_000_000_000


def books(*stories: Story) -> Books:
    return Books(Sample(f"job-{n}", PEOPLE[n], story, "", "normal", b"") for n, story in enumerate(stories))


def told(status: Status, *, job: int = 0, channel: str | None = "sms", final: bool = True, **reason: Any) -> Receipt:
    whole = {"code": "x", "message": "", "rule": None, "until": None, "provider_code": None} | reason
    return Receipt(
        id="", job_id=f"job-{job}", tenant="demo", recipient_id="r", account=None, status=status, final=final,
        channel=channel, provider=None, provider_message_id=None, at="", attempt=1, reason=whole if reason else None,
        policy=None, template=None, template_version=None, locale=None, segments=None, metadata=msgspec.Raw(b"{}"),
    )  # fmt: skip


SMS, ALL = Story(channels=("sms",)), Story(channels=("sms", "email"), strategy="all")


def test_a_job_that_nobody_answered_a_second_end_and_a_message_without_receipt_are_mistakes() -> None:
    kept = books(SMS, SMS)
    kept.enter(told("delivered"))
    assert Account(3, 0, 0, {"sms": 1}).mistakes(kept) == ["3 were enqueued, 1 are accounted for"]
    assert Account(3, 1, 1, {"sms": 2}).mistakes(kept) == ["the providers hold 2 messages, the receipts tell of 1"]
    assert Account(3, 1, 1, {"sms": 1}).mistakes(kept) == []
    kept.enter(told("undelivered"))
    assert Account(3, 1, 1, {"sms": 1}).mistakes(kept) == ["job-0 ended 2 times", "job-0 was told of after its end"]
    assert kept.counts() == {"undelivered": 1, "unanswered": 1}


def test_under_all_a_job_stands_where_the_last_of_its_ways_stands() -> None:
    kept = books(ALL)
    job = kept.jobs["job-0"]
    kept.enter(told("delivered"))
    assert (job.status, job.rests(NOW)) == ("unanswered", False)
    kept.enter(told("sent", channel="email", final=False))
    assert (job.status, job.rests(NOW)) == ("sent", False)
    kept.enter(told("delivered", channel="email"))
    assert (job.status, job.rests(NOW), job.mistakes) == ("delivered", True, [])


def test_what_waits_a_moment_is_waited_for_and_what_waits_for_the_morning_is_not() -> None:
    for until, code, rests in ((HOUR, "quiet_hours", True), (1000, "quiet_hours", False), (DAY, "backoff", False)):
        kept = books(SMS)
        kept.enter(told("deferred", final=False, code=code, until=format_instant(NOW + until)))
        assert kept.jobs["job-0"].rests(NOW) is rests, (until, code)


def test_an_end_that_is_none_is_waited_for_unless_the_story_stops_there() -> None:
    for story, rests in ((SMS, False), (Story(channels=("sms",), rests="in_doubt"), True)):
        kept = books(story)
        kept.enter(told("in_doubt", final=False))
        assert kept.jobs["job-0"].rests(NOW) is rests
