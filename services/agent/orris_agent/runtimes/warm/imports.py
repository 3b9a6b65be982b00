"""What a script says, read as text: nothing of a user's is parsed or executed here, and a guess is enough.

What is wrongly taken for an import is not there, or is dropped when it shows that runs do not import it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST_FILES, _MOST_BYTES = 200, 4 * 1024 * 1024
_STATEMENT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<parent>[\w.]+)[ \t]+import[ \t]*(?P<names>\([^)]*\)|[^\n#;]+)"
    r"|import[ \t]+(?P<modules>[^\n#;]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")
_SETS_VARIABLES = re.compile(
    r"\benviron\s*(?:\[[^\]\n]*\]\s*=(?!=)|\|=|\.\s*(?:setdefault|update|pop|clear)\b)|\bputenv\b|\bdel\s+(?:os\.)?environ"
)
_MAY_BE_VARIABLE = re.compile(r"""["']([A-Za-z_]\w*)["']|\b([A-Za-z_]\w*)\s*=(?!=)""")
# Anything but adding to its end, where what is installed goes first.
_CHANGES_PATH = re.compile(
    r"\bsys\s*\.\s*path\s*(?:\.\s*(?:insert|remove|pop|clear|reverse|sort)\b|\[[^\]\n]*\]\s*=(?!=)|=(?!=))"
    r"|\bdel\s+sys\.path|\bfrom\s+sys\s+import\b[^\n]*\bpath\b"
)


@dataclass(frozen=True)
class Source:
    """What a script says, and files beside it that it imports.

    `imports`: from elsewhere, in the launcher's words: `package`, and `package.name?` for what may be a module of it or
    something else. `sets`: words that may be names of environment variables that it sets. `changes_path`: whether it
    may get other modules than those that are found at first.
    """

    imports: frozenset[str]
    sets: frozenset[str] = frozenset()
    changes_path: bool = False


def source_of(script: Path) -> Source:
    """Return what a script says."""
    found: set[str] = set()
    sets: set[str] = set()
    changes_path = False
    todo, seen, left = [script], {script}, _MOST_BYTES
    while todo:
        text = _text(todo.pop(), left)
        left -= len(text)
        sets.update(_may_set(text))
        changes_path = changes_path or bool(_CHANGES_PATH.search(text))
        for name in _named(text):
            own = list(_own(name.rstrip("?"), script.parent))
            todo += [path for path in own if path not in seen and len(seen) < _MOST_FILES]
            seen.update(own)
            if not own:
                found.add(name)
    return Source(frozenset(found), frozenset(sets), changes_path)


def in_order(names: frozenset[str]) -> list[str]:
    """Return names so that packages come before what is in them."""
    return sorted(names, key=lambda name: (name.rstrip("?"), name))


def _text(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            return file.read(max(0, most)).decode("utf-8", "replace")
    except OSError:
        return ""


def _may_set(text: str) -> set[str]:
    if not _SETS_VARIABLES.search(text):
        return set()
    return {quoted or keyword for quoted, keyword in _MAY_BE_VARIABLE.findall(text)}


def _named(text: str) -> Iterator[str]:
    for statement in _STATEMENT.finditer(text):
        parent = statement["parent"]
        if parent is None:
            yield from filter(_is_name, (_first_word(each) for each in statement["modules"].split(",")))
        elif _is_name(parent):
            yield parent
            names = _COMMENT.sub("", statement["names"]).strip("() \t\n").split(",")
            yield from (f"{parent}.{name}?" for name in map(_first_word, names) if name.isidentifier())


def _first_word(text: str) -> str:
    return (text.split() or [""])[0]


def _is_name(text: str) -> bool:
    return bool(text) and all(part.isidentifier() for part in text.split("."))


def _own(name: str, folder: Path) -> Iterator[Path]:
    """Yield the files beside the script that a name stands for: it is theirs whatever is installed."""
    top, *rest = name.split(".")
    if not any(path.exists() for path in (folder / top, folder / f"{top}.py")):
        return
    for end in range(len(rest) + 1):
        path = folder.joinpath(top, *rest[:end])
        for each in (path.with_suffix(".py"), path / "__init__.py"):
            if each.is_file():
                yield each
        if not path.is_dir():
            break
    else:
        yield folder / top  # a package without files that were asked for: still not installed
