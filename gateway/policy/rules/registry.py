"""Lists the rule kinds that packs may use. To add one: a file here, and a line below."""

from gateway.policy.fields import Fault, Fields
from gateway.policy.rules.base import Common, Rule
from gateway.policy.rules.blackout import Blackout
from gateway.policy.rules.cap import Cap
from gateway.policy.rules.channel_lock import ChannelLock
from gateway.policy.rules.content import Content
from gateway.policy.rules.cooloff import Cooloff
from gateway.policy.rules.require import Require
from gateway.policy.rules.spacing import Spacing
from gateway.policy.rules.stop import Stop
from gateway.policy.rules.window import Window

KINDS: dict[str, type[Rule]] = {
    "blackout": Blackout,
    "cap": Cap,
    "channel_lock": ChannelLock,
    "content": Content,
    "cooloff": Cooloff,
    "require": Require,
    "spacing": Spacing,
    "stop": Stop,
    "window": Window,
}


def read_rule(raw: object, common: Common) -> tuple[Rule | None, list[Fault]]:
    """A rule from its keys, or None and everything that is wrong with it."""
    fields = Fields(raw)
    if fields.faults:
        return None, fields.faults
    word = fields.text("kind")
    kind = KINDS.get(word)
    if kind is None:
        if word:
            fields.wrong("kind", f"is {word!r}, but must be one of {', '.join(sorted(KINDS))}")
        for key in ("id", "source", "status"):
            fields.text(key)
        return None, fields.faults
    rule = kind.read(fields, common)
    return (None if fields.faults else rule), fields.faults
