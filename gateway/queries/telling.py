"""Tells a story as a page of text: the answer first, then what became of the job, then every rule with its figures."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.queries.explain import ChannelStory, LookStory, Story, TrackStory
from gateway.queries.moments import moment
from gateway.queries.words import Language, listed, say, term

MARKS = {"blocks": "✗", "passes": "✓", "warns": "!", "unweighed": "?"}
_DIGITS = 6
"""of an address's digest, which is enough to see whether two are the same"""


def page(story: Story, language: Language) -> str:
    """The whole story in one language."""
    return "\n".join(_lines(story, language))


def headline(story: Story, track: TrackStory, language: Language) -> str:
    """What became of a track, in one sentence."""
    return say(language, "track", channels=_channels(story, track, language), state=_state(story, track, language))


def _lines(story: Story, language: Language) -> Iterator[str]:
    yield say(language, "job", job=story.job_id, tenant=story.tenant, recipient=story.recipient)
    for track in story.tracks:
        yield headline(story, track, language)
    yield ""
    yield say(language, "heading.fate")
    for text in _fate(story, language):
        yield f"  {text}"
    for track in story.tracks:
        yield ""
        if track.look is None:
            yield say(language, "no_look")
        else:
            yield say(language, "heading.look", at=moment(track.look.at, track.look.zones, language))
            yield from _look(track.look, language)
        if track.now is not None:
            yield from _prospect(track, track.now, language)


def _channels(story: Story, track: TrackStory, language: Language) -> str:
    """The channel that it went or goes by; those it may go by while that is not known."""
    if track.attempt is not None:
        return term(language, "channel", track.attempt["channel"])
    return listed(language, "channel", tuple(track.channels))


def _state(story: Story, track: TrackStory, language: Language) -> str:
    zones = track.look.zones if track.look else ()
    if track.state == "waiting":
        code = term(language, "code", (track.waits_for or {}).get("code") or "backoff")
        rule = (track.waits_for or {}).get("rule")
        because = say(language, "because", rules=rule) if rule else ""
        if track.next_at is None:
            return say(language, "waiting.paused", code=code) + because
        return say(language, "waiting", until=moment(track.next_at, zones, language), code=code) + because
    attempt = track.attempt
    if track.state == "ended":
        return _end(story, track, language)
    at = moment(attempt["at"], zones, language) if attempt else ""
    return say(language, track.state, provider=attempt["provider"] if attempt else "", at=at)


def _end(story: Story, track: TrackStory, language: Language) -> str:
    """How it ended: as its last receipt says, else as far as the record tells."""
    zones = track.look.zones if track.look else ()
    last = _last(story, track)
    if last is not None and (last["final"] or last["status"] == "sent"):
        text = term(language, "status", last["status"]) + " " + moment(last["at"], zones, language)
        return text + _reason(last["reason"], zones, language)
    if track.attempt is not None:
        at = moment(track.attempt["at"], zones, language)
        accepted = "ended.accepted" if track.attempt["message_id"] else "ended"
        known = accepted if track.attempt["receipts"] else "ended.sent"
        return say(language, known, provider=track.attempt["provider"], at=at)
    blocking = tuple(dict.fromkeys(name for channel in track.look.channels for name in channel.blocked_by)
                     if track.look else ())  # fmt: skip
    return say(language, "by_rules", rules=listed(language, "", blocking)) if blocking else say(
        language, "ended.not_sent")  # fmt: skip


def _last(story: Story, track: TrackStory) -> dict[str, Any] | None:
    """The track's last receipt; of several tracks each has one channel, which its receipts name."""
    if not story.receipts or (len(story.receipts) < story.receipts_told and not story.receipts[-1]["final"]):
        return None
    if len(story.tracks) == 1:
        return story.receipts[-1]
    own = [receipt for receipt in story.receipts if receipt["channel"] in (None, *track.channels)]
    return own[-1] if own else None


def _fate(story: Story, language: Language) -> Iterator[str]:
    zones = next((track.look.zones for track in story.tracks if track.look), ())
    yield say(language, "accepted", at=moment(story.accepted, zones, language))
    for receipt in story.receipts:
        details = _details(receipt, zones, language)
        yield say(
            language, "receipt", id=f"#{receipt['id'].rpartition('#')[2]}", details=details,
            status=term(language, "status", receipt["status"]), at=moment(receipt["at"], zones, language),
        )  # fmt: skip
    if len(story.receipts) < story.receipts_told:
        yield say(language, "receipts.some", count=len(story.receipts), told=story.receipts_told)
    for track in story.tracks:
        if (attempt := track.attempt) is not None:
            message = say(language, "message", id=attempt["message_id"]) if attempt["message_id"] else ""
            yield say(
                language, "attempt", number=track.attempts, channel=term(language, "channel", attempt["channel"]),
                provider=attempt["provider"], at=moment(attempt["at"], zones, language), message=message,
                policy=attempt["policy"] or say(language, "no_packs"),
            )  # fmt: skip


def _details(receipt: dict[str, Any], zones: Sequence[str], language: Language) -> str:
    parts = [term(language, "channel", receipt["channel"])] if receipt["channel"] else []
    parts += [receipt["provider"]] if receipt["provider"] else []
    text = (" " + " ".join(parts)) if parts else ""
    return text + _reason(receipt["reason"], zones, language)


def _reason(reason: dict[str, Any] | None, zones: Sequence[str], language: Language) -> str:
    """Code, rule and time of a receipt's reason; not its message, which may be a provider's own words."""
    if not reason:
        return ""
    parts = [term(language, "code", reason["code"])]
    parts += [reason["rule"]] if reason["rule"] else []
    parts += [reason["provider_code"]] if reason["provider_code"] else []
    until = say(language, "until", until=moment(reason["until"], zones, language)) if reason["until"] else ""
    return say(language, "reason", words=say(language, "and").join(parts), until=until)


def _look(look: LookStory, language: Language) -> Iterator[str]:
    evidence = {name: say(language, "told") for name in ("time_zone", "jurisdiction")}
    evidence |= {name: term(language, "by", word) for name, word in look.inferred.items()}
    yield "  " + say(language, "judged_by", policy=look.policy or say(language, "no_packs"), tzdata=look.tzdata)
    yield "  " + say(
        language, "place", zones=", ".join(look.zones) or say(language, "nowhere"),
        zone_evidence=evidence["time_zone"], jurisdictions=", ".join(look.jurisdictions) or say(language, "nowhere"),
        jurisdiction_evidence=evidence["jurisdiction"],
    )  # fmt: skip
    if look.missing:
        yield "  " + say(language, "missing_packs", packs=listed(language, "", look.missing))
    for channel in look.channels:
        yield ""
        yield "  " + _decision(channel, look.zones, language)
        if channel.agrees is False and channel.rebuilt is not None:
            yield "    " + _disagreement(channel.rebuilt, look.zones, language)
        for rule in channel.rules:
            yield f"    {MARKS[rule.verdict]} {rule.sentence}"
        if channel.unconcerned:
            yield "    " + say(language, "unconcerned")
            for other in channel.unconcerned:
                yield f"      - {other.sentence}"


def _decision(channel: ChannelStory, zones: Sequence[str], language: Language) -> str:
    address = say(language, "address", digest=channel.address[:_DIGITS]) if channel.address else ""
    return say(
        language, "channel", channel=term(language, "channel", channel.channel), address=address,
        decision=_word(channel.decision, channel.until, zones, language), rules=_named(channel.blocked_by, language),
    )  # fmt: skip


def _disagreement(rebuilt: dict[str, Any], zones: Sequence[str], language: Language) -> str:
    decision = _word(rebuilt["decision"], rebuilt["until"], zones, language)
    return say(language, "disagrees", decision=decision, rules=_named(tuple(rebuilt["blocked_by"]), language))


def _word(decision: str, until: str | None, zones: Sequence[str], language: Language) -> str:
    return say(language, f"decision.{decision}", until=moment(until, zones, language) if until else "")


def _named(rules: tuple[str, ...], language: Language) -> str:
    return say(language, "rules", rules=listed(language, "", rules)) if rules else ""


def _prospect(track: TrackStory, now: LookStory, language: Language) -> Iterator[str]:
    """What is to come: the next try, and what the rules in force say meanwhile, the blocking ones only."""
    yield ""
    policy = now.policy or say(language, "no_packs")
    yield say(language, "heading.now", at=moment(now.at, now.zones, language), policy=policy)
    until = track.next_at
    yield "  " + (
        say(language, "next", until=moment(until, now.zones, language)) if until else say(language, "next.unknown")
    )
    for channel in now.channels:
        yield "  " + _decision(channel, now.zones, language)
        for rule in channel.rules:
            if rule.verdict == "blocks" or rule.recorded:
                yield f"    {MARKS[rule.verdict]} {rule.sentence}"
