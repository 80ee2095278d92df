"""The templates in force, and what a person would read: nothing of anybody is needed, and nothing is sent."""

from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct

from gateway.rendering.outcome import Rendered
from gateway.web.api.body import read
from gateway.web.api.route import Answer, Call, FaultAt, Route, refused
from gateway.web.api.views import READERS


class Template(Struct, frozen=True, kw_only=True):
    """A template in one language: its channels, each with the version of its text."""

    template: str
    locale: str
    channels: dict[str, str]


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

    def preview(self, wanted: Preview) -> Rendered | str:
        """The message, or why there is none, as a sentence."""


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

    return [
        Route(
            method="GET", path="/v1/templates", name="list_templates", summary="The templates in force, by version",
            roles=READERS, act=templates, answers={200: list[Template]},
        ),
        Route(
            method="POST", path="/v1/templates/preview", name="preview_template", roles=READERS, act=preview,
            summary="What a person would read, with the segments of an SMS", body=Preview, answers={200: Rendered},
            problems=(400, 413, 415),
        ),
    ]  # fmt: skip
