"""The conversions worth trying, likeliest first: none fits all estimators."""

import copy

from . import forests, repairs

OPSETS = ((21, 3), (17, 3), (15, 1))
# Not every estimator has both options, and some converters know an opset as a number only.
OPTIONS = (
    ({"zipmap": False}, None),
    ({"zipmap": False, "raw_scores": True}, None),
    (None, None),
    ({"zipmap": False}, 15),
    (None, 15),
)


def convert(model, signature, chosen):
    """Yield (graph, None) or (None, error) for each way to convert the model."""
    try:
        import onnx
        import skl2onnx
    except ImportError as error:
        yield None, error
        return
    newest = min(onnx.defs.onnx_opset_version(), getattr(skl2onnx, "__max_supported_opset__", 21))
    for inputs in _layouts(signature, chosen):
        for main, ml in OPSETS:
            opsets = {"": min(main, newest), "ai.onnx.ml": ml}
            try:
                graph = _convert(skl2onnx, model, inputs, opsets)
            except Exception as error:
                yield None, error
                continue
            for variant in forests.variants(repairs.repaired(graph, model), model):
                yield variant, None
    if forests.is_forest(model) and not signature["one_dimensional"] and _all_numeric(signature):
        yield _in_single_precision(skl2onnx, model, signature, newest)


def _convert(skl2onnx, model, inputs, opsets):
    """Convert with arrays of probabilities instead of lists of dictionaries; raise the first error if nothing works."""
    first_error = None
    for options, target in OPTIONS:
        try:
            return skl2onnx.convert_sklearn(
                model,
                initial_types=copy.deepcopy(inputs),
                options={id(model): dict(options)} if options else None,
                target_opset=opsets if target is None else target,
            )
        except Exception as error:
            first_error = first_error or (None if isinstance(error, NameError) else error)
    raise first_error or ValueError("skl2onnx knows no way to convert it")


def _in_single_precision(skl2onnx, model, signature, newest):
    """Convert for float32 behind a cast: exact for forests, which cast their input to float32 themselves."""
    from skl2onnx.common.data_types import FloatTensorType

    inputs = [("X", FloatTensorType([None, len(signature["inputs"])]))]
    try:
        graph = _convert(skl2onnx, model, inputs, {"": min(17, newest), "ai.onnx.ml": 3})
        return forests.behind_cast(graph), None
    except Exception as error:
        return None, error


def _layouts(signature, chosen):
    """Return the inputs worth trying: one matrix of doubles where all is numeric, one input a column otherwise."""
    from skl2onnx.common import data_types

    if signature["one_dimensional"]:
        return [[("X", data_types.StringTensorType([None, 1]))]]
    types = {
        "NUMBER": data_types.DoubleTensorType,
        "INTEGER": data_types.Int64TensorType,
        "BOOLEAN": data_types.BooleanTensorType,
        "TEXT": data_types.StringTensorType,
    }
    columns = signature["inputs"]
    apart = [
        (column["name"] or "x%d" % index, types[column["type"]]([None, 1])) for index, column in enumerate(columns)
    ]
    together = [("X", data_types.DoubleTensorType([None, len(columns)]))]
    whole = [
        (name, data_types.Int64TensorType([None, 1]) if type(kind) is data_types.BooleanTensorType else kind)
        for name, kind in apart
    ]
    if not _all_numeric(signature):
        return [apart, whole] if any(column["type"] == "BOOLEAN" for column in columns) else [apart]
    return [together, apart] if any(column["name"] for column in columns) else [together]


def _all_numeric(signature):
    return all(column["type"] != "TEXT" for column in signature["inputs"])
