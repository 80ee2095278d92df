"""Runs the gateway through bad days and judges it from outside: `make faults`, or with figures of one's own
`python -m tests.faults.campaign --seeds 20 --jobs 400`.

| round   | what happens                                                           | who works                      |
| ------- | ---------------------------------------------------------------------- | ------------------------------ |
| storm   | commits fail before or after they take effect; entries and reports     | 3 workers in this process      |
|         | come twice; orders come in between                                     |                                |
| race    | all jobs at once, and every observation is old when it comes           | 6 workers in this process      |
| kill    | SIGKILL under load, three times; a tenth of all answers is a failure   | 3 worker processes             |
| mangled | jobs, contacts, commands and reports that somebody bent                | 1 worker in this process       |

Every round stands on a real Valkey. A seed fixes the jobs, the faults and the orders, not the timing: whoever looks for
the cause of a violation runs its seed several times. Exit status 1 on any violation.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from gateway.logs import set_up
from gateway.store.embedded import embedded
from tests.faults.checker import Verdict
from tests.faults.kill import kill
from tests.faults.mangled import mangled
from tests.faults.storm import race, storm
from tests.stories.world import World

Round = Callable[[World, int, int], Awaitable[Verdict]]
ROUNDS: dict[str, tuple[int, Round]] = {
    "storm": (1, storm),
    "race": (2, race),
    "kill": (5, kill),
    "mangled": (5, mangled),
}
"""name → (every how many seeds, round)"""
FIGURES = ("acknowledged", "ok", "waiting", "in_doubt", "taken")
SHOWN = 5
"""violations of a kind that are told in full"""


async def campaign(seeds: int, first: int, jobs: int, chosen: Sequence[str], seconds: float) -> bool:
    """Runs the rounds of all seeds and prints a line for each; whether nothing was violated. No round begins after
    `seconds`, and how many were left out for it is told."""
    began, clean = time.monotonic(), True
    numbers = range(first, first + seeds)
    plan = [(name, seed) for seed in numbers for name in chosen if (seed - first) % ROUNDS[name][0] == 0]
    print(f"{'round':8}{'seed':>5}{'s':>6}" + "".join(f"{name:>14}" for name in FIGURES) + f"{'faults':>8}  violations")
    with tempfile.TemporaryDirectory() as folder:
        async with embedded(Path(folder) / "store") as url:
            for done, (name, seed) in enumerate(plan):
                if time.monotonic() - began > seconds:
                    print(f"the time is over: {len(plan) - done} of {len(plan)} rounds were not run")
                    break
                started = time.monotonic()
                own = Path(folder) / f"{name}-{seed}"
                own.mkdir()
                world = World(url, own, f"{name}{seed}")
                try:
                    verdict = await ROUNDS[name][1](world, seed, jobs)
                finally:
                    await world.close()
                print(f"{name:8}{seed:>5}{time.monotonic() - started:>6.1f}{line(verdict)}", flush=True)
                clean = clean and not verdict.violations
    return clean


def line(verdict: Verdict) -> str:
    """The figures of a round, and below them the first violations of each kind."""
    figures = "".join(f"{getattr(verdict, figure):>14}" for figure in FIGURES) + f"{verdict.injected.total():>8}"
    kinds = ", ".join(f"{kind} {len(found)}" for kind, found in verdict.violations.items()) or "none"
    told = [f"\n    {kind}: {one}" for kind, found in verdict.violations.items() for one in found[:SHOWN]]
    return f"{figures}  {kinds}" + "".join(told)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description="Bad days, and a judgement.")
    parser.add_argument(
        "--seeds", type=int, default=20, help="how many; each a storm, every second a race, every fifth all rounds"
    )
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=400, help="of each round")
    parser.add_argument("--rounds", nargs="+", choices=list(ROUNDS), default=list(ROUNDS))
    parser.add_argument("--minutes", type=float, default=5, help="after which no further round begins")
    given = parser.parse_args()
    set_up("error")
    clean = asyncio.run(campaign(given.seeds, given.first, given.jobs, given.rounds, given.minutes * 60))
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
