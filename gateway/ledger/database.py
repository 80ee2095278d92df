"""Opens the two databases of the ledger: SQLite by default, PostgreSQL in production; the rest of the room sees no
difference.

SQLite: WAL and `synchronous=FULL` (each commit is on the disk before it is told; NORMAL may lose the last ones in a
power cut, https://sqlite.org/pragma.html#pragma_synchronous), and `secure_delete`, so that a destroyed key is gone from
the file too.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gateway.ledger import tables

SQLITE, POSTGRES = "sqlite:///", "postgresql://"
BUSY_MS = 20_000
"""how long a writer of SQLite waits for another"""
_MIGRATING = 0x6C6564676572
"""the advisory lock of PostgreSQL under which one process migrates"""

Which = Literal["ledger", "keys"]
_METADATA: dict[Which, MetaData] = {"ledger": tables.ledger, "keys": tables.keys}


class Database:
    """One database; `write` holds one transaction at a time, `read` any number. Raises SQLAlchemyError where it cannot
    be had."""

    def __init__(self, url: str, which: Which) -> None:
        self.which = which
        self.sqlite = url.startswith(SQLITE)
        if self.sqlite:
            Path(url.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_async_engine(f"sqlite+aiosqlite:///{url.removeprefix(SQLITE)}", pool_size=8)
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
        else:
            self.engine = create_async_engine(f"postgresql+asyncpg://{url.removeprefix(POSTGRES)}", pool_size=8)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that sees one state."""
        engine = self.engine if self.sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        async with engine.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is durable when the block has ended, and is not if it raises."""
        async with self._writer.connect() as connection, connection.begin():
            yield connection

    @property
    def _writer(self) -> AsyncEngine:
        return self.engine.execution_options(writes=True)

    async def migrate(self) -> None:
        """Brings the tables up to this release; of several processes one does it, the others wait."""
        async with self.write() as connection:
            if not self.sqlite:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATING})
            await connection.run_sync(self._upgrade)

    def _upgrade(self, connection: Connection) -> None:
        folder = str(resources.files("gateway.ledger").joinpath("migrations"))
        config = Config()
        config.set_main_option("script_location", folder.replace("%", "%%"))
        config.set_main_option("version_locations", f"{folder}/{self.which}".replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.attributes |= {
            "connection": connection,
            "metadata": _METADATA[self.which],
            "version_table": f"migrations_{self.which}",
        }
        command.upgrade(config, "head")

    async def close(self) -> None:
        await self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else the driver begins transactions of its own, and never where we mean it
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
