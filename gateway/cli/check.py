"""`gateway check`: tells every mistake in configuration, policies and templates, and sends nothing."""

import argparse

from gateway.cli.terminal import Quit, add_config, read_config
from gateway.config import Config
from gateway.policy.folder import read_folder
from gateway.policy.pack import run_examples
from gateway.policy.policy import Policy
from gateway.rendering.catalog import Catalog
from gateway.rendering.check import check as check_templates


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check",
        help="validates configuration, policies and templates",
        description="Validates the configuration, the policies with their examples, and every template in every "
        "locale, without sending anything. Exit status 1 and one line per fault.",
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    policy = read_folder(config.policies).policy()
    catalog = Catalog.load(config.templates, config.defaults.locale)
    wrong = [sentence for pack in policy.packs.values() for sentence in run_examples(pack)]
    faults = [*policy.faults, *wrong, *check_templates(catalog)]
    if faults:
        raise Quit(*faults)
    print(_summary(config, policy, catalog))
    return 0


def _summary(config: Config, policy: Policy, catalog: Catalog) -> str:
    listed = [f"{channel} ({', '.join(entry['name'] for entry in of)})" for channel, of in config.channels.items()]
    packs = policy.packs.values()
    rules, examples = sum(len(pack.rules) for pack in packs), sum(len(pack.examples) for pack in packs)
    names = catalog.names()
    locales = {locale for name in names for locale in catalog.locales(name)}
    return "\n".join(
        (
            f"channels   {', '.join(listed) or 'none: nothing can be sent'}",
            f"policies   {len(packs)} packs, {rules} rules, {examples} examples agree ({', '.join(policy.packs)})",
            f"templates  {len(names)} in {len(locales)} locales ({', '.join(sorted(locales))})",
            "no faults",
        )
    )
