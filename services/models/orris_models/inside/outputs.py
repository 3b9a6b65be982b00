"""The graph's outputs: named after the model's methods, of the shapes and kinds that the model answers in."""

import copy

import numpy as np

from . import parity

# What a second output may be besides probabilities.
OTHERS = ("decision_function", "transform", "score_samples")
FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11  # of onnx.TensorProto


def open_session(onnxruntime, graph):
    """Open a graph on the processor, with one thread: probes are few."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def name_after_methods(raw, expected, required):
    """Return the method that each output answers, None for what is not needed; raise where one is missing."""
    named = [None] * len(raw)
    first = "predict" if "predict" in expected else "transform"
    named[0] = first
    for position in range(1, len(raw)):
        if "predict_proba" in expected and "predict_proba" not in named:
            named[position] = "predict_proba"
            continue
        for method in OTHERS:
            if method in expected and method not in named and _agrees(method, expected[method], raw[position]):
                named[position] = method
                break
    missing = [method for method in required if method not in named]
    if missing:
        raise ValueError("its graph does not answer %s" % ", ".join(missing))
    return named


def shaped(graph, named, expected):
    """Return the graph with the named outputs alone, under their methods' names, in the kinds and shapes expected."""
    from onnx import helper

    graph = copy.deepcopy(graph)
    kept = []
    for value, method in zip(list(graph.graph.output), named):
        if method is not None:
            source, kind = _in_kind(graph, value, method, expected[method])
            shape = _shape_of(expected[method])
            graph.graph.initializer.append(helper.make_tensor("orris_shape_" + method, INT64, [len(shape)], shape))
            graph.graph.node.append(helper.make_node("Reshape", [source, "orris_shape_" + method], [method]))
            sizes = [None if size == -1 else size for size in shape]
            kept.append(helper.make_tensor_value_info(method, kind, sizes))
    del graph.graph.output[:]
    graph.graph.output.extend(kept)
    return graph


def _in_kind(graph, value, method, answer):
    """Return (name, type) of an output with numbers in float64 and truth values as such, cast where they are not."""
    from onnx import helper

    kind = value.type.tensor_type.elem_type
    wanted = {("f", FLOAT): DOUBLE, ("b", INT64): BOOL}.get((answer.dtype.kind, kind))
    if wanted is None:
        return value.name, kind
    cast = "orris_cast_" + method
    graph.graph.node.append(helper.make_node("Cast", [value.name], [cast], to=wanted))
    return cast, wanted


def _shape_of(answer):
    """Return an answer's shape with -1 for the number of rows."""
    if answer.ndim == 3:
        return [int(answer.shape[0]), -1, int(answer.shape[2])]
    return [-1] + [int(size) for size in answer.shape[1:]]


def _agrees(method, expected, got):
    if not isinstance(got, np.ndarray) or got.size != expected.size:
        return False
    return not parity.compare(method, expected, got.reshape(expected.shape))["different"]
