"""Writes the log: one JSON object a line on standard error, in which no person can be found.

Only fields whose names are on a list are written, so a new field is silent until somebody has thought about it. Of an
exception its type and place are told, not its text, because the texts of other people's exceptions quote what they were
given. Of other people's log records only the pattern is told, without what was filled in.
"""

import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

FIELDS = frozenset(
    {
        # what every line has
        "event", "level", "logger", "timestamp",
        # where: closed sets and names that operators chose; a job is found in the ledger by its entry
        "tenant", "lane", "stream", "entry", "channel", "provider", "template", "jurisdiction", "policy", "rule",
        "role", "worker", "consumer", "process", "host", "port", "route", "method",
        # what: words of ours, figures
        "code", "status", "outcome", "state", "what", "why", "kind", "count", "attempt", "backlog", "version",
        "duration_ms", "wait_ms", "until_ms", "seconds", "bytes",
        # faults
        "error", "where",
        # what is wrong with packs, in sentences about lines and keys; packs hold rules, and no person
        "faults", "folder",
    }
)  # fmt: skip
_OURS = ("gateway", "channels")
_FOREIGN_LENGTH = 200
_FRAMES = 8


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Routes structlog's and the standard library's records to `stream` (standard error). `level` is one of ours;
    other people's loggers are heard from `warning` on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    # The sieve is the last step before the writing, whatever a logger has bound or a record carries.
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *_COMMON],
            processors=[_plain_exception, _foreign_pattern, _sieve, structlog.processors.JSONRenderer(default=str)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())
    # aiohttp's tell of every malformed request with a traceback, and of every address that asks.
    for name in ("aiohttp.server", "aiohttp.access"):
        logging.getLogger(name).disabled = True
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a closed standard error is no reason for tracebacks
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _sieve(_logger: WrappedLogger, _method: str, event: EventDict) -> Mapping[str, Any]:
    return {name: value for name, value in event.items() if name in FIELDS}


def _plain_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Type and place of an exception and of what caused it; never its text."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        names: list[str] = []
        seen: BaseException | None = error
        while seen is not None and len(names) < _FRAMES:
            names.append(type(seen).__name__)
            seen = seen.__cause__ or seen.__context__
        event["error"] = " < ".join(names)
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        event["where"] = [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _foreign_pattern(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The first line of another's pattern: what was filled in could be a number, a name, a text."""
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and record.name.partition(".")[0] not in _OURS:
        lines = str(record.msg).splitlines()
        event["event"] = lines[0][:_FOREIGN_LENGTH] if lines else ""
    return event


_COMMON: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
