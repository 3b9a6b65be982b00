"""Environments that are made by a Dockerfile."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from orris.errors import InvalidArgument

DEFAULT_INTERPRETER = "python3"


def dockerfile_text(dockerfile: str | os.PathLike[str]) -> str:
    """Return a Dockerfile's text: as given, or that of the file named. Raises InvalidArgument for no such file."""
    if isinstance(dockerfile, str) and ("\n" in dockerfile or dockerfile.lstrip()[:5].upper() == "FROM "):
        return dockerfile
    return text_of(dockerfile, "dockerfile")


def with_packages(text: str, packages: Iterable[str], interpreter: str = DEFAULT_INTERPRETER) -> str:
    """Return a Dockerfile with a last step that installs pip packages (lines of a requirements file).

    Where a distribution keeps its Python for itself (PEP 668), they are installed all the same: the image is for them.
    """
    lines = [line.strip() for line in packages if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return text
    words = " ".join(shlex.quote(line) for line in lines)
    python, file = shlex.quote(interpreter or DEFAULT_INTERPRETER), "/tmp/orris-requirements.txt"  # noqa: S108
    install = f"PIP_BREAK_SYSTEM_PACKAGES=1 {python} -m pip install --no-cache-dir --requirement {file} && rm {file}"
    return f"{text.rstrip()}\nRUN printf '%s\\n' {words} > {file} && {install}\n"


def text_of(file: str | os.PathLike[str], field: str) -> str:
    """Return the text of a file. Raises InvalidArgument that names the field when it cannot be read."""
    try:
        return Path(file).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidArgument(f"{field}: {file} cannot be read: {error}", field=field) from error
