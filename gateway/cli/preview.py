"""`gateway preview`: what a person would read, and what it costs as an SMS."""

import argparse
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from channels.contract import Channel
from gateway.cli.terminal import Quit, add_config, read_bytes, read_config
from gateway.rendering.catalog import Catalog
from gateway.rendering.outcome import Rendered
from gateway.rendering.render import render


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "preview",
        help="renders a message",
        description="Prints the rendered message, for SMS also its encoding, segments and units per segment. Exit "
        "status 1 if a variable is missing.",
    )
    parser.add_argument("template", metavar="TEMPLATE")
    parser.add_argument("--locale", help="BCP 47 tag; without it the configured default")
    parser.add_argument("--channel", choices=get_args(Channel), default="sms", help="default: sms")
    parser.add_argument("--params", metavar="FILE", help="JSON object, - for standard input; without it the sample's")
    add_config(parser, required=False)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    catalog = Catalog.load(config.templates, config.defaults.locale)
    locale = chosen.locale or config.defaults.locale
    params = _params(chosen.params) if chosen.params else catalog.sample(chosen.template, locale) or {}
    outcome = render(catalog, chosen.template, locale, chosen.channel, params)
    if not isinstance(outcome, Rendered):
        raise Quit(outcome.sentence, *catalog.faults)
    print("\n".join(_lines(outcome)))
    return 0


def _params(name: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(read_bytes(name), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Quit(f"{name}: must be a JSON object of parameters: {error}") from None


def _lines(message: Rendered) -> list[str]:
    lines = [] if message.title is None else [f"{message.title}\n"]
    lines.append(message.text)
    if message.html is not None:
        lines.append(f"\n{message.html}")
    if message.segments is not None:
        units = ", ".join(str(units) for units in message.segments.units_per_segment)
        lines += [
            "",
            f"encoding: {message.segments.encoding}",
            f"segments: {message.segments.segments}",
            f"units per segment: {units}",
        ]
    return lines
