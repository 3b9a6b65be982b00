"""command.json: what the run executes."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Settings:
    strict = True
    object_hook = object_pairs_hook = None
    parse_float = parse_constant = float
    parse_int = int


_scan = None  # type: Any
try:  # the C half of `json`; the Python half imports `re`: 9 ms
    import _json

    _scan = _json.make_scanner(_Settings)  # type: ignore[arg-type]
except ImportError:
    pass  # parse_json finds the other


def read_command(folder: str) -> "dict[str, Any]":
    """Read command.json. Raises ValueError for one that is not what ARCHITECTURE.md says."""
    with open(os.path.join(folder, "command.json"), encoding="utf-8") as file:
        command = parse_json(file.read())
    argv, env, limit = command.get("argv"), command.get("env"), command.get("time_limit_seconds")
    if not (isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)):
        raise ValueError("command.json: argv must be a list of strings, the first of them the program")
    if not (isinstance(env, dict) and all(isinstance(value, str) for value in env.values())):
        raise ValueError("command.json: env must be an object of strings")
    if not isinstance(command.get("cwd"), str):
        raise ValueError("command.json: cwd must be a string")
    if limit is not None and not (isinstance(limit, (int, float)) and limit >= 0):
        raise ValueError("command.json: time_limit_seconds must be a number, not negative, or null")
    for name in ("cpus", "memory_bytes"):
        if not (isinstance(command.get(name, 0), (int, float)) and command.get(name, 0) >= 0):
            raise ValueError("command.json: %s must be a number, not negative; 0 for no limit" % name)
    return command


def parse_json(text: str) -> "dict[str, Any]":
    """Parse an object in JSON. Raises ValueError."""
    try:
        return dict(_scan(text.strip(), 0)[0])
    except Exception:
        import json

        return dict(json.loads(text))
