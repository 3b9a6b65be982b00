"""Ask a Python interpreter what it is and what is installed in it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orris.errors import FailedPrecondition, OrrisError
from orris_kit import process

# Runs in the interpreter that is asked, which may be any from 3.6 on; names and versions come from the metadata
# files, so no package of the environment is imported.
_QUESTION = r"""
import io, json, os, platform, sys, sysconfig
def headers(file):
    found = {}
    with io.open(file, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.strip():
                break
            key, _, value = line.partition(":")
            if key in ("Name", "Version"):
                found.setdefault(key, value.strip())
    return found.get("Name"), found.get("Version")
def installed():
    seen = {}
    for folder in sys.path:
        for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            file = os.path.join(folder, entry)
            if entry.endswith(".dist-info"):
                file = os.path.join(file, "METADATA")
            elif entry.endswith(".egg-info"):
                file = os.path.join(file, "PKG-INFO") if os.path.isdir(file) else file
            else:
                continue
            name, version = headers(file) if os.path.isfile(file) else (None, None)
            if name and version:
                seen.setdefault(name.lower().replace("_", "-").replace(".", "-"), version)
    return sorted(seen.items())
version = ".".join(map(str, sys.version_info[:3]))
base = os.path.realpath(os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2]))
json.dump({
    "executable": sys.executable,
    "base": base if os.path.isfile(base) else getattr(sys, "_base_executable", sys.executable),
    "version": version,
    "final": sys.version_info[3] == "final",
    "implementation": platform.python_implementation().lower(),
    "platform": sysconfig.get_platform(),
    "packages": installed() if "packages" in sys.argv else [],
}, sys.stdout)
"""
_ANSWER_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs: its executable, the one it was made from, and what is installed if that was asked."""

    executable: Path
    base: Path
    version: str
    platform: str
    implementation: str = "cpython"
    final: bool = True
    packages: tuple[tuple[str, str], ...] = ()


def inspect_interpreter(
    path: Path, *, environ: Mapping[str, str], packages: bool = True, timeout: float = 10
) -> Interpreter:
    """Return what the interpreter at `path` says about itself; `packages` asks for what is installed too.

    The interpreter is run isolated (-I), in the root folder, for at most `timeout` seconds.

    Raises FailedPrecondition when it does not run or gives no sensible answer.
    """
    line = [str(path), "-I", "-B", "-c", _QUESTION, *(["packages"] if packages else [])]
    try:
        finished = process.run(line, environ=environ, cwd=Path("/"), timeout=timeout, output_limit=_ANSWER_LIMIT)
        if finished.exit_code != 0:
            raise ValueError(finished.errors[-1] if finished.errors else f"it ended with code {finished.exit_code}")
        return _interpreter(json.loads(finished.output))
    except (OSError, OrrisError, ValueError, KeyError, TypeError) as error:
        raise FailedPrecondition(f"the interpreter {path} does not run: {error}") from error


def _interpreter(answer: dict[str, object]) -> Interpreter:
    found = answer["packages"]
    assert isinstance(found, list)
    return Interpreter(
        executable=Path(str(answer["executable"])),
        base=Path(str(answer["base"])),
        version=str(answer["version"]),
        platform=str(answer["platform"]),
        implementation=str(answer["implementation"]),
        final=answer["final"] is True,
        packages=tuple((str(name), str(version)) for name, version in found),
    )
