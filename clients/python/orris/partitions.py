"""What the path of a file says of all its rows: a format as people write it, as what reads files is told it."""

from __future__ import annotations

import re
from typing import Any

from orris.errors import InvalidArgument

_KEY = re.compile(r"\{([^{}:/]+)(?::([^{}]+))?\}")
# Part of a moment -> its expression, and how Python's strptime spells it.
_TIMES = {
    "yyyy": (r"\d{4}", "%Y"),
    "MM": (r"\d{2}", "%m"),
    "dd": (r"\d{2}", "%d"),
    "HH": (r"\d{2}", "%H"),
    "mm": (r"\d{2}", "%M"),
    "ss": (r"\d{2}", "%S"),
}
_TIME = re.compile(rf"{'|'.join(_TIMES)}|[^0-9A-Za-z]")


def partition_of(text: str) -> dict[str, Any]:
    """Return what a format (`Table.partition_format`) looks for.

    `expression`: of the end of a path that begins with a slash, a group for each column. `columns`: name and how
    strptime spells its moments (None: it is text), in the order of the groups. Raises InvalidArgument.
    """
    parts: list[str] = []
    columns: list[tuple[str, str | None]] = []
    end = 0
    for key in _KEY.finditer(text):
        before = text[end : key.start()]
        # Folders before the first column are not looked at: paths are those below what files have in common.
        parts.append(_literal(text, before) if columns else f"/{_literal(text, before.rpartition('/')[2])}")
        spelled, time = _time(text, key[2]) if key[2] else ("[^/]+", None)
        parts.append(f"({spelled})")
        columns.append((key[1], time))
        end = key.end()
    names = [name for name, _ in columns]
    if not names:
        raise _wrong(text, "it names no column, like {country}")
    if len(set(names)) < len(names):
        raise _wrong(text, f"the column {max(names, key=names.count)!r} is in it twice")
    return {"expression": "".join([*parts, _literal(text, text[end:]), r"\Z"]), "columns": columns}


def _literal(text: str, part: str) -> str:
    if "{" in part or "}" in part:
        raise _wrong(text, "a brace in it belongs to no column")
    return "[^/]*".join(map(re.escape, re.split(r"\*+", part)))


def _time(text: str, spelled: str) -> tuple[str, str]:
    tokens = _TIME.findall(spelled)
    if (
        "".join(tokens) != spelled
        or "yyyy" not in tokens
        or len(set(tokens) & set(_TIMES)) != sum(token in _TIMES for token in tokens)
    ):
        raise _wrong(text, f"{spelled[:40]!r} is no moment: yyyy, and if wanted MM, dd, HH, mm and ss, each once")
    found = [_TIMES.get(token) or (re.escape(token), token.replace("%", "%%")) for token in tokens]
    return "".join(expression for expression, _ in found), "".join(python for _, python in found)


def _wrong(text: str, problem: str) -> InvalidArgument:
    return InvalidArgument(
        f"partition_format: {text[:200]!r}: {problem}", field="partition_format", reason="INVALID_DATASET"
    )
