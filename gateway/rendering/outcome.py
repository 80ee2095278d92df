"""What a rendering can end as: the message, or one of five reasons why not, each a sentence for the receipt."""

from typing import ClassVar

from msgspec import Struct

from gateway.rendering.segments import Segments


class Rendered(Struct, frozen=True, kw_only=True):
    """`locale` is the one whose template was used, `version` the `sha256:…` of its sources. `title`, a single line, is
    an e-mail's subject or a push message's title; `segments` are an SMS's."""

    template: str
    channel: str
    locale: str
    version: str
    text: str
    title: str | None = None
    html: str | None = None
    segments: Segments | None = None


class Missing(Struct, frozen=True, kw_only=True):
    """The job lacks parameters that the template needs, or they are blank: it would have been a message with a hole."""

    code: ClassVar[str] = "missing_variable"
    template: str
    channel: str
    locale: str
    variables: tuple[str, ...]

    @property
    def sentence(self) -> str:
        names = ", ".join(repr(name) for name in self.variables)
        return f"template {self.template!r} ({self.locale}, {self.channel}) needs {names}: missing or blank in the job"


class BadParameter(Struct, frozen=True, kw_only=True):
    """A parameter is there and cannot be written as the template asks."""

    code: ClassVar[str] = "bad_parameter"
    template: str
    channel: str
    locale: str
    variable: str
    why: str

    @property
    def sentence(self) -> str:
        return f"parameter {self.variable!r} of template {self.template!r} ({self.locale}, {self.channel}) {self.why}"


class TooLong(Struct, frozen=True, kw_only=True):
    """The message is longer than its channel carries. `size` and `limit` are characters."""

    code: ClassVar[str] = "too_long"
    template: str
    channel: str
    locale: str
    file: str
    size: int
    limit: int

    @property
    def sentence(self) -> str:
        return (
            f"template {self.template!r} ({self.locale}) renders {self.file} to {self.size} characters, "
            f"more than the {self.limit} that {self.channel} carries"
        )


class UnknownTemplate(Struct, frozen=True, kw_only=True):
    code: ClassVar[str] = "unknown_template"
    template: str

    @property
    def sentence(self) -> str:
        return f"no template is named {self.template!r}"


class NoChannel(Struct, frozen=True, kw_only=True):
    """The template is known, but has nothing for this channel in the locale asked for or any that it falls back to."""

    code: ClassVar[str] = "no_channel"
    template: str
    channel: str
    locale: str

    @property
    def sentence(self) -> str:
        return (
            f"template {self.template!r} has no {self.channel} text in {self.locale!r}, "
            "a locale that it falls back to, or the default"
        )


Unrendered = Missing | BadParameter | TooLong | UnknownTemplate | NoChannel
Outcome = Rendered | Unrendered
