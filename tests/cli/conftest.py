"""What the stories of the commands share: a configuration, the command itself, and the embedded store it uses."""

import asyncio
import contextlib
import io
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis.asyncio as redis
import structlog

from gateway.cli.main import main
from gateway.store.embedded import embedded
from gateway.store.redis import client


class Told(NamedTuple):
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def complaints(self) -> list[str]:
        return self.err.splitlines()


class Terminal:
    """Runs commands in this process, as a shell would."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: object, stdin: bytes = b"") -> Told:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        told = Told(status, *self._capsys.readouterr())
        assert "Traceback" not in told.err
        return told


@pytest.fixture
def gateway(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The command. It sets up the process's log, which is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    disabled = [logging.getLogger(name) for name in ("aiohttp.server", "aiohttp.access")]
    try:
        yield Terminal(capsys, monkeypatch)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for logger in disabled:
            logger.disabled = False
        for name in ("gateway", "channels"):
            logging.getLogger(name).setLevel(logging.NOTSET)
        logging.captureWarnings(False)
        logging.raiseExceptions = True
        structlog.reset_defaults()


class House(NamedTuple):
    """A configuration file whose store can be looked into between two commands."""

    config: Path
    data: Path

    def ask(self, *command: Any) -> Any:
        """One Redis command on the store, while nobody else runs it."""

        async def asked() -> Any:
            async with self.open() as store:
                return await store.execute_command(*command)

        return asyncio.run(asked())

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[redis.Redis]:
        async with embedded(self.data) as url:
            store = client(url)
            try:
                yield store
            finally:
                await store.aclose()


@pytest.fixture
def house(tmp_path: Path) -> House:
    config = tmp_path / "gateway.yaml"
    config.write_text("redis: {prefix: t}\nchannels: {sms: {providers: [{name: box, kind: sandbox}]}}\n")
    return House(config, tmp_path / "var/redis")
