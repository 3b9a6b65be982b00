"""When a run must not be a fork of a launcher: what it would see differs from what a fresh interpreter sees."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.runtimes.warm.imports import Source
from orris_agent.runtimes.warm.protocol import Imports

# What libraries in C read when they are loaded, and interpreters when they start, where no launcher notices it.
_READ_ON_LOAD = re.compile(
    r"(OMP_|GOMP_|KMP_|MKL_|OPENBLAS_|GOTO_|BLIS_|BLAS_|VECLIB_|NUMEXPR_|CUDA_|NVIDIA_)\w*|NPY_DISABLE_CPU_FEATURES"
)
_READ_EARLY = re.compile(rf"{_READ_ON_LOAD.pattern}|(PYTHON|LD_|LC_|MALLOC_)\w*|GLIBC_TUNABLES|LANG|LANGUAGE|TZ|TZDIR")
_OURS = {"PYTHONPATH", "PYTHONUNBUFFERED"}  # the same for every run, unless it sets them


def script_of(run: runs.Run) -> str:
    """Return the script of a run that is nothing but a script in Python; empty for others."""
    return run.script or _script_in(list(run.command))


def why_no_fork(lease: agents.Lease) -> str:
    """Return why a run as a process starts in a fresh interpreter whatever is imported; empty where it need not."""
    run = lease.run
    if sys.platform != "linux":
        return "this system is not Linux"
    if run.isolation == runs.ISOLATION_PROCESS:
        return "it asked for a process of its own"
    if run.distribution:
        return "it is told of the cluster when its interpreter starts"
    if lease.image.lock.interpreter:
        return "the packages of an interpreter of one's own may change at any time"
    if run.resources.cpus:
        return "its number of processors is set, and libraries look at that when they are imported"
    return _why_fresh(lease)


def why_no_waiting_container(lease: agents.Lease) -> str:
    """Return why a run in a container gets one that has not been started before; empty where it need not.

    Limits are those of the container, and so of its imports; what is in an image never changes.
    """
    if lease.run.kind == runs.RUN_KIND_REPLICA:
        return "it is a replica, which is published at a port"
    if lease.run.resources.gpus:
        return "it asks for graphics processors, which would wait with the container"
    if lease.run.inputs or lease.run.outputs_to:
        return "its data is mounted into its container when that is made"
    return _why_fresh(lease)


def _why_fresh(lease: agents.Lease) -> str:
    run = lease.run
    if not script_of(run):
        return "it is no script in Python"
    if early := _read_early(run.environment_variables) or _read_early(run.secret_environment_variables):
        return f"it sets {early}, which is read when Python or a library starts"
    if early := _read_early(lease.environment_variables, but=["PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME"]):
        return f"its environment sets {early}, which decides what is imported"
    return ""


def why_not_from(
    imports: Imports, source: Source, folder: Path, base: Mapping[str, str], variables: Mapping[str, str]
) -> str:
    """Return why a run cannot be a fork of a launcher; empty where it can. `folder`: of its script."""
    for name in sorted(source.sets if imports.loaded else ()):
        if name in imports.variables or _READ_ON_LOAD.fullmatch(name):
            return f"it sets {name} itself, which what it imports looks at"
    if source.changes_path and imports.loaded:
        return "it changes sys.path, and may import other modules than those that are found without that"
    for name in sorted(imports.variables):
        if base.get(name) != variables.get(name):
            return f"what it imports looks at {name}, which it has for itself"
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.partition(".")[0] in imports.loaded:
            return f"its own {path.name} takes the place of what is imported"
    return ""


def _read_early(variables: Mapping[str, str], but: list[str] | None = None) -> str:
    for name in sorted(variables):
        if name in but if but is not None else _READ_EARLY.fullmatch(name):
            return name
    return ""


def _script_in(command: list[str]) -> str:
    """Return the script of a command like `python train.py …`."""
    if len(command) < 2 or command[0] not in ("python", "python3"):
        return ""
    return command[1] if command[1].endswith(".py") and not command[1].startswith("-") else ""
