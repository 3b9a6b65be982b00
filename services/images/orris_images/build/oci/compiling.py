"""Compile an environment's sources, so that no container has to: it could not keep what it compiled.

What is compiled is used as it is (PEP 552, unchecked): nobody changes the files of an image.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from orris.errors import Unavailable
from orris_kit import process
from orris_kit.disk_full import disk_full, says_disk_full

# Compiles the files that are named in a file, in a folder, as if they were in another. From Python 3.7 on.
# It writes them itself: the standard library leaves half a file where there is no more room, and says nothing of it.
_PROGRAM = """
import gc, importlib.util, marshal, os, sys
from importlib.machinery import SourceFileLoader
gc.disable()
folder, place, names = sys.argv[1:]
UNCHECKED = (1).to_bytes(4, "little")
with open(names, encoding="utf-8", errors="surrogateescape") as file:
    wanted = file.read().split(chr(0))
for path in wanted:
    full = os.path.join(folder, path)
    loader = SourceFileLoader("compiled", full)
    source = loader.get_data(full)
    try:
        code = loader.source_to_code(source, os.path.join(place, path))
    except Exception:
        continue
    compiled = importlib.util.cache_from_source(full)
    os.makedirs(os.path.dirname(compiled), exist_ok=True)
    with open(compiled, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code))
"""
_TESTS = ("tests", "test")


def compile_sources(
    python: Path,
    environment: Path,
    place: str,
    files: Iterable[str],
    environ: Mapping[str, str],
    timeout: float,
    cancel: threading.Event | None,
) -> None:
    """Compile files of an environment that will be at `place`; what cannot be compiled, and tests, stay as they are.

    Raises Unavailable when the compiler dies, ResourceExhausted (DISK_FULL), DeadlineExceeded, Cancelled.
    """
    wanted = sorted(path for path in files if path.endswith(".py") and not _is_test(path))
    if not wanted:
        return
    names = environment.parent / f"{uuid.uuid4().hex}.names"
    names.write_text("\0".join(wanted), encoding="utf-8", errors="surrogateescape")
    line = [str(python), "-I", "-S", "-B", "-c", _PROGRAM, str(environment), place, str(names)]
    kept = {name: environ[name] for name in ("PATH", "HOME", "LANG") if name in environ}
    finished = process.run(line, environ=kept, cwd=environment, timeout=timeout, cancel=cancel)
    if finished.exit_code != 0:
        if any(map(says_disk_full, finished.errors)):
            raise disk_full(finished.errors[-1])
        said = finished.errors[-1] if finished.errors else f"it ended with code {finished.exit_code}"
        raise Unavailable(f"its packages could not be compiled to bytecode by {python}: {said}; try again")


def _is_test(path: str) -> bool:
    return any(part in _TESTS for part in path.split("/")[:-1])
