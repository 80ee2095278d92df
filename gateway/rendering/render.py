"""Renders a reminder: template, language, channel and parameters in; out the words to send, or why there are none.

Pure and total: no parameter, whatever it holds, raises. Parameters are data and never run as templates.
"""

from collections.abc import Mapping
from typing import Any

from gateway.rendering.catalog import Catalog, Found, Sheet
from gateway.rendering.formats import Wrong
from gateway.rendering.outcome import (
    BadParameter,
    Missing,
    NoChannel,
    Outcome,
    Rendered,
    TooLong,
    UnknownTemplate,
    Unrendered,
)
from gateway.rendering.program import Program
from gateway.rendering.segments import segments

__all__ = [
    "BadParameter",
    "Missing",
    "NoChannel",
    "Outcome",
    "Rendered",
    "TooLong",
    "UnknownTemplate",
    "Unrendered",
    "render",
]


def render(catalog: Catalog, template: str, locale: str, channel: str, params: Mapping[str, Any]) -> Outcome:
    """The message for who reads `locale` (BCP 47), from the closest language that has the channel."""
    found = catalog.find(template, channel, locale)
    if not isinstance(found, Found):
        return found
    sheet = found.sheet
    parts: dict[str, str] = {}
    for part, program in sheet.programs.items():
        values = _values(program, params, found)
        if not isinstance(values, dict):
            return values
        text = program.run(values)
        parts[part] = " ".join(text.split()) if program.form.one_line else text
        if len(text) > program.form.limit:
            return _too_long(sheet, program, len(text))
    return Rendered(
        template=sheet.template,
        channel=sheet.channel,
        locale=sheet.locale,
        version=sheet.version,
        text=parts["text"],
        title=parts.get("title"),
        html=parts.get("html"),
        segments=segments(parts["text"]) if channel == "sms" else None,
    )


def _values(program: Program, params: Mapping[str, Any], found: Found) -> dict[str, Any] | Missing | BadParameter:
    """A finished value for every slot, or the first that cannot be written. An SMS is written thriftily."""
    values: dict[str, Any] = {}
    thrifty = found.sheet.channel == "sms"
    for slot in program.slots:
        raw = params.get(slot.param)
        blank = raw is None or (raw.__class__ is str and not raw.strip())
        value = None if blank else slot.prepare(raw, found.formats, thrifty)
        if value is None:
            if slot.needed:
                return _missing(found, params)
            value = slot.absent
        elif value.__class__ is Wrong:
            return _bad(found.sheet, slot.param, value.why)
        values[slot.key] = value
    return values


def _missing(found: Found, params: Mapping[str, Any]) -> Missing:
    """All that is missing, in every file of the message, so that a producer mends it at once."""
    sheet = found.sheet
    names = [
        slot.param
        for program in sheet.programs.values()
        for slot in program.slots
        if slot.needed and _absent(slot.prepare, params.get(slot.param), found.formats)
    ]
    return Missing(
        template=sheet.template, channel=sheet.channel, locale=sheet.locale, variables=tuple(dict.fromkeys(names))
    )


def _absent(prepare: Any, raw: Any, locale: str) -> bool:
    return raw is None or (isinstance(raw, str) and not raw.strip()) or prepare(raw, locale, False) is None


def _bad(sheet: Sheet, variable: str, why: str) -> BadParameter:
    return BadParameter(template=sheet.template, channel=sheet.channel, locale=sheet.locale, variable=variable, why=why)


def _too_long(sheet: Sheet, program: Program, size: int) -> TooLong:
    return TooLong(
        template=sheet.template,
        channel=sheet.channel,
        locale=sheet.locale,
        file=program.file,
        size=size,
        limit=program.form.limit,
    )
