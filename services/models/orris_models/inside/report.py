"""The report's file: strict JSON, and the graph beside it."""

import json
import math
import os


def write(found, folder):
    """Write report.json and, where the answers agree, model.onnx into `folder`."""
    if not os.path.isdir(folder):
        os.makedirs(folder)
    graph = found.pop("graph", None)
    if graph is not None and found["verdict"] == "VERIFIED":
        with open(os.path.join(folder, "model.onnx"), "wb") as file:
            file.write(graph)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(_finite(found), file, ensure_ascii=True, allow_nan=False)


def _finite(value):
    """Replace what JSON does not know; a difference that is no number is as large as can be."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return 1.7976931348623157e308
    return value
