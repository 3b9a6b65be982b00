"""The file that says which workspace a folder belongs to: Azure's config.json, found where Azure looks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orris.errors import InvalidArgument, NotFound

FOLDERS = (".azureml", "aml_config", "")
FILES = ("config.json", "project.json")


def read_config(path: str | Path | None = None, file_name: str | None = None) -> dict[str, Any]:
    """Return what stands in the file at `path`, else in the first one found in `path` (default: the working
    directory) or a folder above it; `workspace_name` is a text that is not empty.

    Raises NotFound when there is none, InvalidArgument when it cannot be read or names no workspace.
    """
    start = Path.cwd() if path is None else Path(path).expanduser().resolve()
    file = start if start.is_file() else _search(start, file_name)
    config = _parse(file)
    name = config.get("workspace_name")
    if not isinstance(name, str) or not name:
        raise InvalidArgument(f"{file} has no `workspace_name`: write it anew with `orris init NAME`", field="path")
    return config


def read_workspace_name(path: str | Path | None = None, file_name: str | None = None) -> str:
    """Return the workspace's name from the file that `read_config` finds."""
    return str(read_config(path, file_name)["workspace_name"])


def write_workspace_name(
    name: str, folder: str | Path | None = None, file_name: str | None = None, **more: str
) -> Path:
    """Write the file below `folder` (default: the working directory), as `.azureml/config.json`; return its path.

    `more` is written too. What else is in an existing file stays.
    """
    file = Path(folder or Path.cwd()).expanduser() / FOLDERS[0] / (file_name or FILES[0])
    config = _parse(file) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**config, **more, "workspace_name": name}, indent=4) + "\n")
    return file


def _search(start: Path, file_name: str | None) -> Path:
    for candidate in _candidates(start, (file_name,) if file_name else FILES):
        if candidate.is_file():
            return candidate
    message = f"no config.json in {start} or a folder above it: write one with `orris init NAME`, or name the workspace"
    raise NotFound(message, reason="NO_CONFIG")


def _candidates(start: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for folder in (start, *start.parents):
        for below in FOLDERS:
            yield from (folder / below / name for name in names)


def _parse(file: Path) -> dict[str, Any]:
    try:
        config = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"{file} cannot be read: {error}", field="path") from error
    if not isinstance(config, dict):
        raise InvalidArgument(f"{file} is no JSON object: write it anew with `orris init NAME`", field="path")
    return config
