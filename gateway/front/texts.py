"""The templates that this process sends from."""

import unicodedata

from gateway.rendering.catalog import Catalog
from gateway.rendering.outcome import Rendered
from gateway.rendering.render import render
from gateway.rendering.segments import foreign
from gateway.web.api.texts import Foreign, Preview, Previewed, Template

INSTEAD = {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "\u00a0": " ", "•": "-", "`": "'"}
"""What says the same in the alphabet of text messages."""


class CatalogTexts:
    """Reads; a template is changed in its folder."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all(self) -> list[Template]:
        found: dict[tuple[str, str], dict[str, str]] = {}
        for version, text in self._catalog.texts().items():
            found.setdefault((text["template"], text["locale"]), {})[text["channel"]] = version
        return [
            Template(
                template=template,
                locale=locale,
                channels=channels,
                sample=self._catalog.sample(template, locale) or {},
            )
            for (template, locale), channels in sorted(found.items())
        ]

    def preview(self, wanted: Preview) -> Previewed | str:
        params = wanted.params
        if params is None:
            params = self._catalog.sample(wanted.template, wanted.locale) or {}
        written = render(self._catalog, wanted.template, wanted.locale, wanted.channel, params)
        if not isinstance(written, Rendered):
            return written.sentence
        told = [_foreign(char) for char in foreign(written.text)] if written.segments is not None else []
        return Previewed(**{name: getattr(written, name) for name in Rendered.__struct_fields__}, foreign=told)


def _foreign(char: str) -> Foreign:
    name = unicodedata.name(char, "")
    return Foreign(char=char, code=f"U+{ord(char):04X}", name=name, instead=INSTEAD.get(char))
