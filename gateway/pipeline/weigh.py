"""Weighs one channel of a job under the rules: the case as they see it, and the receipt's words for what they say."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from channels.contract import Channel
from gateway.domain.clock import Instant, tzdata_release
from gateway.domain.places import locate
from gateway.domain.receipt import Reason
from gateway.domain.ruling import Decision, Finding, Look, Ruling, Weighed
from gateway.pipeline.addresses import DEAD, AddressStop, dead_name, states_of
from gateway.pipeline.files import consents_end, consents_of, digest, facts_of
from gateway.pipeline.view import House, View
from gateway.policy.facts import Candidate, Case, Written
from gateway.policy.judge import judge
from gateway.policy.rules.base import Rule
from gateway.policy.rules.content import Content
from gateway.policy.stops import OPTED_OUT, UNRULED, Stopped, explicit_stop, next_stop
from gateway.rendering.render import Rendered

_SUPPRESSING = frozenset({"opted_out", "stopped", "no_consent", "content"})


class Allowed(Struct, frozen=True):
    """Nothing forbids it now; `closes` is when something will."""

    candidate: Candidate
    closes: Instant | None


class Wait(Struct, frozen=True):
    """Not now. `passed` where the rule says not to wait for this channel while another one is left."""

    reason: Reason
    passed: bool = False


class Forbidden(Struct, frozen=True):
    """Not on this channel; `lasting` where policy forbids it, else no lawful moment is near."""

    reason: Reason
    lasting: bool = True


Answer = Allowed | Wait | Forbidden


def new_look(view: View, house: House) -> Look:
    """The look at a job that begins: where its person is, and by what it will be judged."""
    who = view.reminder.recipient
    place = locate(who.time_zone, who.phone, who.jurisdiction, house.jurisdiction)
    return Look(
        at=view.now, policy=house.policy.version_for(place.jurisdictions), tzdata=tzdata_release(),
        zones=place.zones, jurisdictions=place.jurisdictions, inferred=place.inferred,
    )  # fmt: skip


def weigh(view: View, house: House, channel: Channel, look: Look) -> Answer:
    """What the person's own word and the rules say of one channel now; written down in the look."""
    history, states = facts_of(view.person, view.household, view.now)
    candidate = _candidate(view, channel, house, consents_of(view.person, channel, view.now))
    if view.stops:
        stop = view.stops.get(dead_name(candidate.address or "", channel))
        if stop is not None:
            look.weighed.append(_entry(candidate, house, "deny", None, [f"{UNRULED}{DEAD}"], ()))
            return Forbidden(_dead(stop))
        states = (*states, *states_of(view.stops))
    rules = house.policy.rules_on(look.jurisdictions, candidate)
    case = Case(
        candidate=candidate, zones=look.zones, history=history, states=states,
        written=_message(view, channel, house, rules), inferred=look.inferred,
    )  # fmt: skip
    if said := explicit_stop(house.policy, look.jurisdictions, case, view.now):
        look.weighed.append(_entry(candidate, house, "deny", None, [said.name], ()))
        return Forbidden(_stop_reason(said))
    ruling = judge(rules, case, view.now)
    if ruling.findings:
        view.findings[channel] = ruling.findings
    warned = [finding.rule for finding in ruling.findings if not finding.blocks]
    look.weighed.append(_entry(candidate, house, ruling.decision, ruling.earliest, ruling.blocked_by, warned))
    if ruling.decision != "allow":
        return _blocked(ruling)
    stops = next_stop(house.policy, look.jurisdictions, case, view.now)
    ends = (ruling.closes, stops, consents_end(view.person, channel, view.now))
    return Allowed(candidate, min((end for end in ends if end is not None), default=None))


def _entry(
    candidate: Candidate, house: House, decision: Decision, until: Instant | None, rules: Sequence[str],
    warned: Sequence[str],
) -> Weighed:  # fmt: skip
    named = house.policy.attributes
    kept = msgspec.structs.replace(
        candidate, params={name: candidate.params[name] for name in named if name in candidate.params}
    )
    return Weighed(
        candidate=kept, decision=decision, until=until, blocked_by=tuple(rules), warned=tuple(warned)
    )  # fmt: skip


def _message(view: View, channel: Channel, house: House, rules: Sequence[Rule]) -> Written | None:
    """What the rules about content look at, if there are any. What cannot be written is answered where it is sent; what
    cannot be sent now for want of a slot is looked at when there is one."""
    if not any(rule.kind == Content.kind for rule in rules) or house.desks.room(channel, view.now) <= 0:
        return None
    rendered = view.written(channel, house)
    if not isinstance(rendered, Rendered):
        return None
    return Written(text=rendered.text, title=rendered.title, html=rendered.html, locale=rendered.locale)


def _candidate(view: View, channel: Channel, house: House, consents: tuple[str, ...]) -> Candidate:
    reminder, address = view.reminder, view.address(channel, house)
    return Candidate(
        channel=channel,
        purpose=reminder.purpose,
        role=reminder.role or house.role,
        recipient=reminder.recipient.id,
        account=reminder.account,
        address=None if address is None else digest(address),
        household=reminder.recipient.household,
        creditor=reminder.creditor,
        collector=reminder.collector,
        flags=(*reminder.flags, *consents) if consents else reminder.flags,
        params=reminder.params,
    )


def _blocked(ruling: Ruling) -> Wait | Forbidden:
    """The receipt's words for a ruling that does not allow: those of the rule that holds out longest. A rule that asks
    for approval waits like others: whoever approves gives the job a flag that waives it."""
    blocking = [finding for finding in ruling.findings if finding.blocks] or list(ruling.findings)
    drops = [f for f in blocking if f.otherwise == "drop" or f.code in _SUPPRESSING]
    if drops:
        return Forbidden(_reason(drops[0], None))
    last = max(blocking, key=lambda finding: float("inf") if finding.until is None else finding.until)
    if ruling.earliest is None:
        return Forbidden(_reason(last, None), lasting=False)
    return Wait(_reason(last, ruling.earliest), passed=any(f.otherwise == "next_channel" for f in blocking))


def _reason(finding: Finding, until: Instant | None) -> Reason:
    return Reason(code=finding.code, message=f"{finding.rule}: {finding.source}", rule=finding.rule, until=until)


def _dead(stop: AddressStop) -> Reason:
    message = f"{stop.by} reported the address as dead; a `resume` with the address lifts it"
    return Reason(code="stopped", message=message, provider_code=stop.code)


def _stop_reason(stop: Stopped) -> Reason:
    word = stop.state.state
    code = OPTED_OUT if word == OPTED_OUT else "stopped"
    return Reason(code=code, message=f"the person's state is {word}", rule=stop.rule)
