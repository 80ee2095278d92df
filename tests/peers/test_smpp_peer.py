"""SMPP against an SMSC that somebody else wrote (npm smpp): alphabets, parts, receipts, and a restart under load."""

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from channels import catalogue
from channels.contract import Accepted, InDoubt, Outcome, ProviderReceipt, Unavailable
from tests.channels.contract import House, message, soon
from tests.peers.npm import free_port, installed, running

SERVER = Path(__file__).with_name("smsc.js")


def taken(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def settings(port: int) -> dict[str, Any]:
    return {
        "name": "smsc", "kind": "smpp", "host": "127.0.0.1", "port": port, "system_id": "bank", "password": "secret",
        "from": "10690", "window": 10, "enquire": 5,
    }  # fmt: skip


async def test_an_independent_smsc_reads_every_alphabet_and_its_receipts_come_back(tmp_path: Path) -> None:
    folder, port, log, house = installed("smpp@0.5.1"), free_port(), tmp_path / "log", House()
    shutil.copy(SERVER, folder / "smsc.js")
    async with running(folder, "node", "smsc.js", str(port), str(log), port=port):
        provider = catalogue.build("sms", settings(port), house.lend())
        await provider.start()
        texts = ["Please pay {1280.50} € [today] ~ Ünal", "您的账单已逾期😀", "长" * 150 + "end", "a" * 200]
        outcomes = [await provider.send(message(text=text, reference=f"{n:032x}"), 5) for n, text in enumerate(texts)]
        assert isinstance(await provider.send(message(text="throttle me"), 5), Unavailable)
        assert isinstance(await provider.send(message(text="throttle me"), 5), Accepted)
        await soon(lambda: len(house.receipts) == 5)
        await provider.close()
        wrong = catalogue.build("sms", settings(port) | {"password": "wrong"}, house.lend())
        assert isinstance(await wrong.send(message(), 5), Unavailable)
        await wrong.close()
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    named = {outcome.message_id for outcome in outcomes if isinstance(outcome, Accepted)}
    assert named <= {one.message_id for one in house.receipts if isinstance(one, ProviderReceipt)}
    assert {one.status for one in house.receipts if isinstance(one, ProviderReceipt)} == {"delivered"}
    said = [record["text"] for record in taken(log)]
    assert said[:2] == texts[:2]
    assert "".join(said[2:5]) == texts[2]
    assert "".join(said[5:7]) == texts[3]
    assert [record["udh"] for record in taken(log)[:7]] == [False, False, *[True] * 5]


async def test_a_restart_of_the_smsc_under_load_sends_nothing_twice_and_loses_nothing_silently(tmp_path: Path) -> None:
    folder, port, log, house = installed("smpp@0.5.1"), free_port(), tmp_path / "log", House()
    shutil.copy(SERVER, folder / "smsc.js")
    provider = catalogue.build("sms", settings(port), house.lend())
    outcomes: dict[str, Outcome] = {}

    async def send(number: int) -> None:
        text = f"message {number}"
        for _ in range(50):  # what surely did not leave is tried again, as the gateway would
            outcomes[text] = await provider.send(message(text=text, reference=f"{number:032x}"), 3)
            if not isinstance(outcomes[text], Unavailable):
                return
            await asyncio.sleep(0.1)

    async def all_of_them() -> None:
        for first in range(0, 300, 20):
            await asyncio.gather(*(send(number) for number in range(first, first + 20)))

    await provider.start()
    async with running(folder, "node", "smsc.js", str(port), str(log), port=port) as server:
        load = asyncio.create_task(all_of_them())
        await soon(lambda: len(taken(log)) >= 100, 20)
        server.kill()
        await server.wait()
    async with running(folder, "node", "smsc.js", str(port), str(log), port=port):
        async with asyncio.timeout(60):
            await load
    await provider.close()
    arrived = Counter(record["text"] for record in taken(log))
    assert max(arrived.values()) == 1
    kinds = Counter(type(outcome).__name__ for outcome in outcomes.values())
    assert kinds["Accepted"] + kinds["InDoubt"] == len(outcomes) == 300
    assert {text for text, outcome in outcomes.items() if isinstance(outcome, Accepted)} <= arrived.keys()
    doubtful = {text for text, outcome in outcomes.items() if isinstance(outcome, InDoubt)}
    assert arrived.keys() - {text for text, outcome in outcomes.items() if isinstance(outcome, Accepted)} <= doubtful
    assert len(doubtful) <= 10, "no more than the window"
