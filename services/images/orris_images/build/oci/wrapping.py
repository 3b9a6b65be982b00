"""An image whose Python somebody else looks after: nothing is added to it but a way to that Python."""

from __future__ import annotations

import shlex
from pathlib import Path


def wrap(environment: Path, interpreter: str) -> None:
    """Make an environment that is another's Python.

    Not a link: an interpreter finds its packages by the place that it was started from.
    """
    scripts = environment / "bin"
    scripts.mkdir(parents=True)
    for name in ("python", "python3"):
        script = scripts / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(interpreter)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
