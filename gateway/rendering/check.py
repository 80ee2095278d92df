"""Proves before anything is sent that every template renders: each one, in each language, for each channel.

It renders by the template's own `sample.yaml`, so that a new template is checked by what its author meant: a variable
that the sample lacks is a fault, most often a misspelt one. Without a sample the parameters are made up by how the
template uses them. Each is rendered twice: with the optional parameters, and without.
"""

from collections.abc import Mapping
from typing import Any

from gateway.rendering.catalog import Catalog, Sheet
from gateway.rendering.outcome import Rendered
from gateway.rendering.render import render
from gateway.rendering.slots import Slot

_BY_KIND: dict[str, Any] = {
    "money": {"value": "1234.50", "currency": "EUR"},
    "date": "2026-11-20",
    "number": 3,
    "plural": 3,
    "figure": 3,
    "url": "https://example.com/pay",
    "text": "Sample",
    "line": "Sample",
    "word": "sample",
    "truth": "Sample",
}
"""Most particular kind first: a parameter that is printed as money and asked about by an `if` is an amount."""


def check(catalog: Catalog, samples: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """A sentence per fault, those of loading first; empty if all is well. `samples`: template → parameters, which go
    before its `sample.yaml`."""
    faults = list(catalog.faults)
    for template in catalog.names():
        for locale in catalog.locales(template):
            for channel in catalog.channels(template, locale):
                sheet = catalog.sheet(template, channel, locale)
                if sheet:
                    own = {**(catalog.sample(template, locale) or {}), **(samples or {}).get(template, {})}
                    faults += _faults(catalog, sheet, own)
    return faults


def sample_for(sheet: Sheet, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that fill every slot of a sheet: those given, made-up ones for the rest."""
    kinds: dict[str, list[str]] = {}
    for slot in _slots(sheet):
        kinds.setdefault(slot.param, []).append(slot.kind)
    order = list(_BY_KIND)
    made_up = {param: _BY_KIND[min(of, key=order.index)] for param, of in kinds.items()}
    return {**made_up, **given}


def _faults(catalog: Catalog, sheet: Sheet, own: Mapping[str, Any]) -> list[str]:
    made_up = sample_for(sheet, own)
    full = {param: value for param, value in made_up.items() if not own or param in own or param not in sheet.needs}
    bare = {param: value for param, value in full.items() if param in sheet.needs}
    faults = []
    for params in (full, bare):
        outcome = render(catalog, sheet.template, sheet.locale, sheet.channel, params)
        if not isinstance(outcome, Rendered):
            faults.append(outcome.sentence)
        elif not all(part is None or part for part in (outcome.text, outcome.title, outcome.html)):
            faults.append(f"template {sheet.template!r} ({sheet.locale}, {sheet.channel}) renders to nothing")
    return list(dict.fromkeys(faults))


def _slots(sheet: Sheet) -> list[Slot]:
    return [slot for program in sheet.programs.values() for slot in program.slots]
