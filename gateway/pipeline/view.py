"""What every decision about a job stands on: the house with its policy and templates, and what was seen of the job."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from channels.contract import Channel, PushTarget
from gateway.domain.clock import Instant
from gateway.domain.command import Pause
from gateway.domain.job import Job
from gateway.domain.reminder import Reminder, Role
from gateway.domain.ruling import Finding
from gateway.pipeline.addresses import AddressStop, dead_name
from gateway.pipeline.desks import Desks
from gateway.pipeline.files import PersonFile, digest
from gateway.policy.policy import Policy
from gateway.rendering.catalog import Catalog
from gateway.rendering.render import Rendered, Unrendered, render


class House(Struct, frozen=True, kw_only=True):
    """What every judgement stands on. Replaced as a whole when a policy or a template changes."""

    policy: Policy
    catalog: Catalog
    desks: Desks
    locale: str
    jurisdiction: str
    role: Role


class View(Struct, frozen=True, kw_only=True):
    """What was observed of one job and its person."""

    reminder: Reminder
    job: Job
    person: PersonFile
    household: PersonFile | None
    pauses: Sequence[Pause]
    cancelled: Instant | None
    now: Instant
    stops: Mapping[str, AddressStop] = msgspec.field(default_factory=dict)
    """of the job's addresses those that are stopped, by digest"""
    texts: dict[Channel, Rendered | Unrendered] = msgspec.field(default_factory=dict)
    findings: dict[str, tuple[Finding, ...]] = msgspec.field(default_factory=dict)
    """by channel, what the rules found in this look"""

    def address(self, channel: Channel, house: House) -> str | PushTarget | None:
        """Where this channel reaches the person: the first address that is not dead, or the first of all."""
        first = None
        for address in self.reminder.addresses(channel, house.desks.targets):
            if not self.stops or dead_name(digest(address), channel) not in self.stops:
                return address
            first = first or address
        return first

    def written(self, channel: Channel, house: House) -> Rendered | Unrendered:
        """The message of a channel; rendered once for a look, since the first look asks twice."""
        text = self.texts.get(channel)
        if text is None:
            locale = self.reminder.recipient.locale or house.locale
            text = render(house.catalog, self.reminder.template, locale, channel, self.reminder.params)
            self.texts[channel] = text
        return text
