"""What an agent said before it ended."""

import json
from pathlib import Path

_LAST_BYTES = 4000
# What it says while all is well explains no end.
_ORDINARY = frozenset({"debug", "info"})


def last_words(log: Path) -> str:
    """Return what the end of an agent's log says of its end; empty where that is nothing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LAST_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    try:
        record = json.loads(said)
        level, message = str(record["level"]), str(record["message"])
    except (ValueError, TypeError, KeyError):
        return said  # of an interpreter: the end of a traceback
    return "" if level in _ORDINARY else message
