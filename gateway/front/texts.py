"""The templates that this process sends from."""

from gateway.rendering.catalog import Catalog
from gateway.rendering.outcome import Rendered
from gateway.rendering.render import render
from gateway.web.api.texts import Preview, Template


class CatalogTexts:
    """Reads; a template is changed in its folder."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def all(self) -> list[Template]:
        found: dict[tuple[str, str], dict[str, str]] = {}
        for version, text in self._catalog.texts().items():
            found.setdefault((text["template"], text["locale"]), {})[text["channel"]] = version
        return [
            Template(template=template, locale=locale, channels=channels)
            for (template, locale), channels in sorted(found.items())
        ]

    def preview(self, wanted: Preview) -> Rendered | str:
        params = wanted.params
        if params is None:
            params = self._catalog.sample(wanted.template, wanted.locale) or {}
        written = render(self._catalog, wanted.template, wanted.locale, wanted.channel, params)
        return written if isinstance(written, Rendered) else written.sentence
