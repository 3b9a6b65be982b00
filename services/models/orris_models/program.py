"""The snapshot of a conversion's run: the model, the training script's files, and the program that examines."""

from __future__ import annotations

import functools
import json
from importlib import resources

from orris_models.model import Version
from orris_models.ports import Artifacts, File

SCRIPT = "convert.py"
PACKAGE = "orris_conversion"

# Constant, so that there is one overlay for each image. protobuf 7 breaks skl2onnx (1.20): histogram gradient boosting.
PACKAGES = ("skl2onnx>=1.16", "onnx>=1.15", "onnxruntime>=1.16", "protobuf>=3.20.2,<7")


async def compose(artifacts: Artifacts, version: Version, no_onnx: str) -> str:
    """Make the snapshot's tree of existing files and a few small new ones; return its name.

    no_onnx: why there can be no conversion, so that the run only inspects; else empty.
    """
    content = version.content
    request = {"file": content.file, "script": content.script, "no_onnx": no_onnx}
    small = {**program(), "request.json": json.dumps(request, sort_keys=True).encode()}
    if content.sample_input_json:
        small["sample.json"] = content.sample_input_json.encode()
    files: dict[str, File] = await artifacts.upload(version.workspace, small)
    for folder, tree in (("model", content.tree), ("source", content.snapshot)):
        for file in await artifacts.files(tree) if tree else []:
            files[f"{folder}/{file.path}"] = file
    return await artifacts.create_tree(version.workspace, files)


@functools.cache
def program() -> dict[str, bytes]:
    """Return the files of the program by their paths in the snapshot."""
    sources = (path for path in (resources.files("orris_models") / "inside").iterdir() if path.name.endswith(".py"))
    own = {path.name: path.read_bytes() for path in sources}
    files = {f"{PACKAGE}/{name}": text for name, text in own.items() if name != SCRIPT}
    loader = resources.files("orris_kit") / "inside" / "load_model.py"
    return {SCRIPT: own[SCRIPT], f"{PACKAGE}/load_model.py": loader.read_bytes(), **files}
