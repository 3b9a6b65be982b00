"""Logging: a constant sentence, and fields.

    log = get_logger(__name__)
    log.info("run started", run=name, slots=2)

Text for people, one JSON object a line for programs. Inside an RPC its request id is added. Tokens never get out.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from functools import lru_cache
from typing import Any, TextIO

from orris_kit.context import current_request_id

_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+")
_SECRET_FIELDS = frozenset({"authorization", "key", "password", "secret", "token"})
_JSON = json.JSONEncoder(default=str, ensure_ascii=False)
_PLAIN = re.compile(r"[\w.:/@+,\[\]-]+")


class Log:
    """A logger of sentences with fields."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, sentence: str, **fields: object) -> None:
        self._write(logging.DEBUG, sentence, fields)

    def info(self, sentence: str, **fields: object) -> None:
        self._write(logging.INFO, sentence, fields)

    def warning(self, sentence: str, **fields: object) -> None:
        self._write(logging.WARNING, sentence, fields)

    def error(self, sentence: str, **fields: object) -> None:
        self._write(logging.ERROR, sentence, fields)

    def exception(self, sentence: str, **fields: object) -> None:
        """Log an error with the traceback of the exception being handled."""
        self._write(logging.ERROR, sentence, fields, exc_info=True)

    def _write(self, level: int, sentence: str, fields: dict[str, object], *, exc_info: bool = False) -> None:
        if not self._logger.isEnabledFor(level):
            return
        if "request_id" not in fields and (request_id := current_request_id()):
            fields["request_id"] = request_id
        # Made here: `Logger.log` would search the stack for its caller, at each access log line.
        error = sys.exc_info() if exc_info else None
        record = self._logger.makeRecord(self._logger.name, level, "", 0, sentence, (), error, extra={"fields": fields})
        self._logger.handle(record)


def get_logger(name: str) -> Log:
    """Return the logger of a module: `get_logger(__name__)`."""
    return Log(logging.getLogger(name))


def setup(level: str = "info", style: str = "auto", stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (stderr) as `text` or `json`; `auto`: text on a terminal, else JSON."""
    stream = stream or sys.stderr
    if style == "auto":
        style = "text" if stream.isatty() else "json"
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if style == "text" else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What no line has is not found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for noisy in ("asyncio", "httpx", "urllib3"):  # the last two would tell of each request, signatures included
        logging.getLogger(noisy).setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """`12:34:56.789 info  run started  run=… slots=2`"""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = " ".join(f"{key}={_quote(value)}" for key, value in _fields(record).items())
        line = f"{clock}.{int(record.msecs):03d} {record.levelname.lower():7} {record.getMessage()}  {fields}".rstrip()
        return _redact("\n".join(filter(None, (line, _traceback(self, record)))))


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        clock = _second(int(record.created))
        line = {
            "time": f"{clock}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := _traceback(self, record):
            line["exception"] = trace
        return _redact(_JSON.encode(line))


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return {key: "…" if key in _SECRET_FIELDS else value for key, value in fields.items()}


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _quote(value: object) -> str:
    """Return a value that stays on its line and ends where it ends."""
    text = f"{value:.1f}" if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _redact(line: str) -> str:
    return _TOKEN.sub("<token>", line) if "eyJ" in line else line
