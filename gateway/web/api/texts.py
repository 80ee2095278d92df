"""The templates in force, and what a person would read: nothing of anybody is needed, and nothing is sent."""

from typing import Annotated, Any, Literal, Protocol

import msgspec
from msgspec import Meta, Struct

from gateway.rendering.outcome import Rendered
from gateway.web.api.body import read
from gateway.web.api.paging import wrong
from gateway.web.api.route import Answer, Call, FaultAt, Route, refused
from gateway.web.api.views import READERS

CONFINED = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'"
}
"""An email brings its own styles; it runs nothing, asks for nothing, and is framed by our own pages alone."""


class Template(Struct, frozen=True, kw_only=True):
    """A template in one language: its channels, each with the version of its text; `sample` are parameters to try it
    with."""

    template: str
    locale: str
    channels: dict[str, str]
    sample: dict[str, Any]


class Foreign(Struct, frozen=True, kw_only=True):
    """A character that a text message has only as UCS-2: its code point (`U+2013`), its name in Unicode, and what could
    stand in its place, null if nothing could."""

    char: str
    code: str
    name: str
    instead: str | None


class Previewed(Rendered, frozen=True, kw_only=True):
    """A message as a person would read it; `foreign` are, of an SMS, the characters that make it dearer."""

    foreign: list[Foreign]


class Page(Struct, frozen=True, kw_only=True):
    """An email as it is shown: its parameters as a JSON object (without them the sample's), and the scheme of the
    reader's screen."""

    template: Annotated[str, Meta(min_length=1, max_length=128)]
    locale: Annotated[str, Meta(min_length=2, max_length=35)]
    params: Annotated[str, Meta(max_length=2_000)] | None = None
    scheme: Literal["light", "dark"] = "light"


class Preview(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written, for whom; without `params` with those of the template's sample."""

    template: Annotated[str, Meta(min_length=1, max_length=128)]
    channel: Annotated[str, Meta(min_length=1, max_length=16)]
    locale: Annotated[str, Meta(min_length=2, max_length=35)]
    params: dict[str, Any] | None = None


class Texts(Protocol):
    """Where the templates are."""

    def all(self) -> list[Template]:
        """Every template, by name and language."""

    def preview(self, wanted: Preview) -> Previewed | str:
        """The message, or why there is none, as a sentence."""


def as_seen(html: str, scheme: Literal["light", "dark"]) -> str:
    """An email on a light or a dark screen, whatever the screen that it is looked at on."""
    other = "not all" if scheme == "light" else "all"
    return html.replace("(prefers-color-scheme: dark)", other)


def routes(texts: Texts) -> list[Route]:
    """The routes of the templates."""

    async def templates(_call: Call) -> Answer:
        return Answer(status=200, body=texts.all())

    async def preview(call: Call) -> Answer:
        wanted = read(call.body, Preview)
        if isinstance(wanted, Answer):
            return wanted
        written = texts.preview(wanted)
        if isinstance(written, str):
            fault = FaultAt(index=0, field="", message=written)
            return refused(422, "Unprocessable Content", "the message cannot be written", [fault])
        return Answer(status=200, body=written)

    async def page(call: Call) -> Answer:
        asked = call.query
        try:
            params = None if asked.params is None else msgspec.json.decode(asked.params, type=dict[str, Any])
        except msgspec.DecodeError as error:
            return wrong("params", f"must be a JSON object: {error}")
        written = texts.preview(
            Preview(template=asked.template, channel="email", locale=asked.locale, params=params)
        )  # fmt: skip
        if isinstance(written, str) or written.html is None:
            return wrong("template", written if isinstance(written, str) else "has no HTML part")
        return Answer(status=200, body=as_seen(written.html, asked.scheme), headers=CONFINED)

    return [
        Route(
            method="GET", path="/v1/templates", name="list_templates", summary="The templates in force, by version",
            roles=READERS, act=templates, answers={200: list[Template]},
        ),
        Route(
            method="POST", path="/v1/templates/preview", name="preview_template", roles=READERS, act=preview,
            summary="What a person would read, with the segments of an SMS", body=Preview, answers={200: Previewed},
            problems=(400, 413, 415),
        ),
        Route(
            method="GET", path="/v1/templates/page", name="show_email", roles=READERS, act=page, query=Page,
            summary="The HTML part of an email, to be looked at in a frame in which nothing runs", answers={200: str},
        ),
    ]  # fmt: skip
