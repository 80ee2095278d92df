"""A page can be told of a job in every state, in every language, with and without what the stream still holds."""

from typing import Any, get_args

import pytest

from gateway.domain.clock import parse_instant
from gateway.domain.job import Attempt, Job, Track, TrackState
from gateway.domain.receipt import Status
from gateway.domain.ruling import Candidate, Look, Weighed
from gateway.pipeline.files import EMPTY
from gateway.pipeline.view import House
from gateway.queries.explain import Reader, Story, story_of
from gateway.queries.packs import Shelf
from gateway.queries.records import Files, Held
from gateway.queries.telling import headline, page
from gateway.queries.words import LANGUAGES, Language, term

AT = parse_instant("2026-03-09T12:00:00Z")
ATTEMPT = Attempt(
    channel="sms", provider="box", reference="r", at=AT, owner="o", receipts=True, locale="en", template_version="v",
    policy="US@gone", message_id="m-1",
)  # fmt: skip
LOOK = Look(
    at=AT, policy="US@gone", tzdata="2026a", zones=("America/New_York",), jurisdictions=("US",),
    inferred={"time_zone": "phone"},
    weighed=[Weighed(candidate=Candidate(channel="sms"), decision="deny", blocked_by=("us.stop",))],
)  # fmt: skip


def no_house() -> House:
    raise AssertionError("nobody asked what would be judged now")


def story(track: Track, language: Language, *receipts: dict[str, Any], told: int = 0) -> Story:
    held = Held("t", "p", "job", Job(entry="1-0", accepted=AT, tracks=[track], told=told))
    return story_of(
        held, Files(EMPTY, {}), receipts, Reader(language=language, now=AT, shelf=Shelf({}), house=no_house)
    )


def receipt(number: int, status: str, *, final: bool) -> dict[str, Any]:
    reason = {"code": "limit", "message": "secret words", "rule": "us.cap", "until": None, "provider_code": "30005"}
    return {
        "id": f"job#{number}", "status": status, "final": final, "channel": "sms", "provider": "box",
        "at": "2026-03-09T12:00:00.000Z", "reason": reason,
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", get_args(TrackState))
@pytest.mark.parametrize("attempt", [ATTEMPT, None])
@pytest.mark.parametrize("look", [LOOK, None])
def test_every_state_can_be_told(
    state: TrackState, language: Language, attempt: Attempt | None, look: Look | None
) -> None:
    told = story(Track(channels=["sms", "email"], state=state, attempt=attempt, look=look, attempts=1), language)
    text = page(told, language)
    assert "None" not in text
    assert "{" not in text
    assert ("us.stop" in text) is (look is not None)
    if attempt is not None:
        assert "m-1" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", get_args(Status))
def test_the_last_receipt_says_how_it_ended_with_code_and_rule_and_without_the_words_of_others(
    status: str, language: Language
) -> None:
    track = Track(channels=["sms"], state="ended", look=LOOK)
    told = story(track, language, receipt(1, "deferred", final=False), receipt(2, status, final=True), told=2)
    first = headline(told, told.tracks[0], language)
    assert term(language, "status", status) in first
    assert "us.cap" in first
    assert "30005" in first
    assert "secret" not in page(told, language)


def test_receipts_that_are_not_at_hand_are_missed_aloud_and_the_record_speaks() -> None:
    told = story(Track(channels=["sms"], state="ended", look=LOOK), "en", receipt(1, "deferred", final=False), told=3)
    text = page(told, "en")
    assert text.splitlines()[1] == "sms: not sent: us.stop"
    assert "1 of its 3 receipts are still at hand" in text


def test_packs_whose_text_is_gone_are_named_and_nothing_is_made_up_of_them() -> None:
    told = story(Track(channels=["sms"], state="ended", look=LOOK), "en")
    (found,) = told.tracks[0].look.channels if told.tracks[0].look else ()
    assert (found.rebuilt, found.agrees, found.rules) == (None, None, [])
    assert "the texts of US@gone are not at hand, so their rules are not listed" in page(told, "en")
    assert "规则包 US@gone 的文本已无法取得" in page(story(Track(channels=["sms"], look=LOOK), "zh"), "zh")
