"""Asks the properties of policy for long: `python -m tests.policy.campaign --examples 20000`.

It runs the very tests of this folder, with so many examples for each property, and prints how many cases each was asked
with. What once failed is kept in `.hypothesis` and asked first the next time. Exit status 1 if anything failed.
"""

import argparse
import os
import sys
from pathlib import Path

import pytest

TESTS = ("test_oracle.py", "test_properties.py", "test_total.py", "test_year.py")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.policy.campaign", description="Properties, asked for long.")
    parser.add_argument("--examples", type=int, default=20_000, help="cases of a property of weight 1; see often.py")
    parser.add_argument("--only", default="", help="tests whose names hold this word")
    given = parser.parse_args()
    os.environ["POLICY_EXAMPLES"] = str(given.examples)
    files = [str(Path(__file__).with_name(name)) for name in TESTS]
    return pytest.main(["-q", "--hypothesis-show-statistics", "--durations=0", "-k", given.only, *files])


if __name__ == "__main__":
    sys.exit(main())
