"""The examination of a model from loading to report."""

import json
import os
import sys

from . import inspection, report
from .load_model import CannotLoad, load


def main():
    """Examine what request.json names, in the current folder; exit with one line where it cannot be loaded."""
    request = read_json("request.json") or {}
    try:
        model = load(
            os.path.join("model", request.get("file") or ""), request.get("script") or None, source_folder(request)
        )
    except CannotLoad as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    finished = examine(model, read_json("sample.json"), request.get("no_onnx"))
    report.write(finished, "outputs")
    print(finished["message"])


def examine(model, sample=None, no_onnx=None):
    """Return the report of a fitted model as plain values, and under "graph" the ONNX bytes where they agree.

    sample: rows like those the model will be asked about, or None. no_onnx: why there can be no conversion, or None.
    """
    from . import learned, probes

    signature = inspection.inspect(model, sample)
    columns = learned.columns_of(model, signature, sample)
    for column, known in zip(signature["inputs"], columns):
        column["type"] = known.kind
    chosen = probes.choose(model, signature, columns, sample)
    signature["accepts_nan"] = probes.accepts_nan(model, signature, chosen)
    found = {"signature": signature, "probe_source": chosen.source, "probe_count": len(chosen), "parity": []}
    if no_onnx:
        found.update(verdict="UNSUPPORTED", message=no_onnx)
        return found
    from . import verdict

    found.update(verdict.reach(model, signature, chosen))
    return found


def source_folder(request):
    """Return the snapshot's folder where the training run had one."""
    return "source" if request.get("script") or os.path.isdir("source") else None


def read_json(path):
    """Return what a JSON file holds, or None where there is none."""
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)
