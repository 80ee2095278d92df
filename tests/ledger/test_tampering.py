"""Whatever is done to a ledger behind its back is found, and where; and an honest one raises no alarm."""

import asyncio
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.ledger import verify_ledger
from tests.ledger.tampering import TAMPERINGS, Ledger, campaign, missed, ours, theirs, write

SEED = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ledger")


@pytest.fixture(scope="module")
def ledger(folder: Path) -> Ledger:
    return asyncio.run(write(folder, random.Random(SEED)))


def test_an_honest_ledger_raises_no_alarm(ledger: Ledger) -> None:
    for copy in (ledger.now, ledger.yesterday):
        assert ours(copy, ledger.public) == []
        assert theirs(copy, ledger.public) == []


def test_tamperings_by_lot_are_found_and_located_by_both_verifiers(ledger: Ledger) -> None:
    done, wrong = campaign(ledger, 300, SEED)
    assert wrong == []
    assert len(done) == len({tamper.__name__ for tamper in TAMPERINGS})


@pytest.mark.parametrize("tamper", TAMPERINGS[1:], ids=lambda tamper: tamper.__name__)
def test_every_kind_of_tampering_is_found_at_both_ends_of_the_chain(ledger: Ledger, tamper: object) -> None:
    class Ends(random.Random):
        """Draws the first and the last of everything."""

        at = 0

        def randrange(self, start: int, *_: object) -> int:  # type: ignore[override]
            return self.at * (start - 1)

    assert callable(tamper)
    for at in (0, 1):
        lots = Ends(SEED)
        lots.at = at
        tampered = tamper(ledger, lots)
        if tampered.copy != ledger.now:
            assert missed(tampered, ledger.public) == [], (tampered.what, at)


def test_the_auditors_verifier_runs_by_itself_on_the_file(ledger: Ledger, folder: Path) -> None:
    script = Path(verify_ledger.__file__)
    places = folder / "anchors.jsonl", folder / "second" / "anchors.jsonl"
    command = [sys.executable, "-I", "-S", script, folder / "ledger.db", "--key", folder / "ledger-public-key.txt"]
    command += [part for place in places for part in ("--anchors", place)]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, f"{len(ledger.now.entries)} entries, 0 findings\n"), good.stderr
    with sqlite3.connect(folder / "ledger.db") as db:
        db.execute("UPDATE entries SET body = '{}' WHERE seq = 17")
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "17: entry 17 was changed" in bad.stdout


def test_the_auditors_verifier_imports_nothing_of_ours() -> None:
    text = Path(verify_ledger.__file__).read_text()
    modules = [line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert set(modules) <= set(sys.stdlib_module_names)


def test_its_signatures_are_those_of_rfc_8032() -> None:
    """Test 2 and 3 of section 7.1."""
    for public, message, signature in (
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ):  # fmt: skip
        key, text, signed = (bytes.fromhex(part) for part in (public, message, signature))
        assert verify_ledger.is_signed(key, signed, text)
        assert not verify_ledger.is_signed(key, signed, text + b"x")
        assert not verify_ledger.is_signed(key, signed[:-1] + bytes([signed[-1] ^ 1]), text)
