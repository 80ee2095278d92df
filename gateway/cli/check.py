"""`gateway check`: tells every mistake in configuration, policies, templates and host, and sends nothing."""

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from datetime import date

from gateway.cli.terminal import Quit, add_config, read_config
from gateway.config import Config
from gateway.domain.clock import DAY, SystemClock, tzdata_release
from gateway.domain.hostzones import HostZones, compare, host_folders
from gateway.domain.walltime import date_of
from gateway.policy.folder import read_folder
from gateway.policy.lint import Lint, lint
from gateway.policy.pack import run_examples
from gateway.policy.policy import Policy
from gateway.policy.rules.base import STATUSES
from gateway.rendering.catalog import Catalog
from gateway.rendering.check import check as check_templates


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "check",
        help="validates configuration, policies, templates and time zones",
        description="Validates the configuration, the policies with their examples, every template in every locale, "
        "and this host's time zones, without sending anything. Exit status 1 and one line per fault. What an officer "
        "should look at, and may well be meant, is a note; notes leave the status at 0.",
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    config = read_config(chosen.config)
    today = _today()
    policy = read_folder(config.policies).policy()
    linted = lint(policy, today)
    wrong = [sentence for pack in policy.packs.values() for sentence in run_examples(pack)]
    catalog = Catalog.load(config.templates, config.defaults.locale)
    zones = compare(host_folders(os.environ), today)
    faults = [*policy.faults, *linted.faults, *wrong, *check_templates(catalog), *zones.faults]
    if faults:
        raise Quit(*faults)
    for line in _summary(config, policy, linted, catalog, zones):
        print(line)
    return 0


def _today() -> date:
    return date_of(SystemClock().now() // DAY)


def _summary(config: Config, policy: Policy, linted: Lint, catalog: Catalog, zones: HostZones) -> Iterator[str]:
    listed = [
        f"{channel} ({', '.join(entry['name'] for entry in of.providers)})" for channel, of in config.channels.items()
    ]
    packs = policy.packs.values()
    statuses = Counter(rule.status for pack in packs for rule in pack.rules)
    examples = sum(len(pack.examples) for pack in packs)
    counted = ", ".join(f"{statuses[status]} {status}" for status in STATUSES if statuses[status])
    names = catalog.names()
    locales = {locale for name in names for locale in catalog.locales(name)}
    yield f"channels   {', '.join(listed) or 'none: nothing can be sent'}"
    yield f"policies   {len(packs)} packs, {examples} examples agree ({', '.join(policy.packs)})"
    yield f"rules      {statuses.total()}{f': {counted}' if counted else ''}"
    yield f"templates  {len(names)} in {len(locales)} locales ({', '.join(sorted(locales))})"
    yield f"zones      tzdata {tzdata_release()}, {_host(zones)}"
    yield from (f"note       {note}" for note in linted.notes)
    yield "no faults"


def _host(zones: HostZones) -> str:
    if not zones.compared:
        return "no copy on this host to compare with"
    return f"with which this host's copy agrees ({zones.release or 'release unknown'})"
