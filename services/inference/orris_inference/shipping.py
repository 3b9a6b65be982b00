"""What a replica's program is made of, as it is sent into a model's or a script's environment."""

from __future__ import annotations

import functools
from importlib import resources
from importlib.resources.abc import Traversable

MODEL_SERVER = "serve.py"
SCRIPT_SERVER = "serve_code.py"


@functools.cache
def worker_files() -> dict[str, bytes]:
    """Return the files of the program that serves a model, by their paths in a replica's snapshot."""
    loader = resources.files("orris_kit") / "inside" / "load_model.py"
    return _files(MODEL_SERVER, "orris_worker") | {"orris_worker/load_model.py": loader.read_bytes()}


@functools.cache
def scoring_files() -> dict[str, bytes]:
    """Return the files of the program that serves a scoring script, by their paths in a replica's snapshot."""
    shared = {f"orris_worker/{name}.py" for name in ("__init__", "address", "http_server")}
    files = _files(SCRIPT_SERVER, "orris_scoring", "azureml_inference_server_http")
    return files | {path: data for path, data in worker_files().items() if path in shared}


def _files(script: str, *packages: str) -> dict[str, bytes]:
    inside = resources.files("orris_inference") / "inside"
    files = {script: (inside / script).read_bytes()}
    for package in packages:
        files |= _python_below(inside / package, package)
    return files


def _python_below(folder: Traversable, path: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in folder.iterdir():
        if part.name.endswith(".py"):
            found[f"{path}/{part.name}"] = part.read_bytes()
        elif part.is_dir() and part.name != "__pycache__":
            found |= _python_below(part, f"{path}/{part.name}")
    return found
