"""What a container has of Orris: supervisor, launcher and `inside/`, copied once into the agent's own folder.

An agent that runs in a container itself has no path of its installed code that the engine could mount, but one of its
home. Read-only in every container; a copy's name is the digest of what is in it, so it never changes either.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orris_agent

PARTS = ("supervisor", "launcher", "inside")


def copy_of_code(into: Path) -> Path:
    """Return the folder, below `into`, that has `orris_agent` with these parts; make it where it is not there yet."""
    source = Path(orris_agent.__file__).parent
    files = {path.relative_to(source): path.read_bytes() for path in _files(source)}
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(b"%d %d %s" % (len(path.as_posix()), len(content), path.as_posix().encode()) + content)
    target = into / digest.hexdigest()[:16]
    if not target.is_dir():
        into.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=into, prefix=".making-"))
        _write(made, files)
        try:
            made.rename(target)
        except OSError:  # another agent was faster
            shutil.rmtree(made)
    return target


def _files(source: Path) -> Iterator[Path]:
    yield source / "__init__.py"
    for part in PARTS:
        yield from sorted(path for path in (source / part).rglob("*.py"))


def _write(root: Path, files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        target = root / "orris_agent" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for folder, _, names in os.walk(root):
        os.chmod(folder, 0o755)  # noqa: S103 - code that a container of another user reads
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
