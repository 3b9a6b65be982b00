"""The worker's files as they are sent into a model's environment."""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def worker_files() -> dict[str, bytes]:
    """Return the worker's files by their paths in a replica's snapshot."""
    worker = resources.files("orris_inference") / "inside"
    package = worker / "orris_worker"
    files = {"serve.py": (worker / "serve.py").read_bytes()}
    for part in package.iterdir():
        if part.name.endswith(".py"):
            files[f"orris_worker/{part.name}"] = part.read_bytes()
    loader = resources.files("orris_kit") / "inside" / "load_model.py"
    files["orris_worker/load_model.py"] = loader.read_bytes()
    return files
