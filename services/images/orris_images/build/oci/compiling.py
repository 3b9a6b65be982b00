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

# Compiles the files that are named in a file, in a folder, as if they were in another. From Python 3.7 on.
_PROGRAM = """
import compileall, gc, os, py_compile, sys
gc.disable()
folder, place, names = sys.argv[1:]
with open(names, encoding="utf-8", errors="surrogateescape") as file:
    wanted = file.read().split(chr(0))
for path in wanted:
    compileall.compile_file(os.path.join(folder, path), ddir=os.path.join(place, os.path.dirname(path)), force=True,
                            quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
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

    Raises Unavailable when the compiler dies, DeadlineExceeded, Cancelled.
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
        said = finished.errors[-1] if finished.errors else f"it ended with code {finished.exit_code}"
        raise Unavailable(f"its packages could not be compiled to bytecode by {python}: {said}; try again")


def _is_test(path: str) -> bool:
    return any(part in _TESTS for part in path.split("/")[:-1])
