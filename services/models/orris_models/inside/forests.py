"""Repair of what skl2onnx makes of trees over float64 inputs.

An ensemble node over doubles still answers in float32 (ONNX-ML's specification), which skl2onnx declares as double: the
graph does not load. And scikit-learn's trees round their input to float32 before they compare it with float64
thresholds, which such a graph does not; those of histogram gradient boosting compare in float64.
"""

import copy
import sys

from . import tree_nodes

ANSWER = {"TreeEnsembleClassifier": 1, "TreeEnsembleRegressor": 0}


def variants(graph, model):
    """Return the graphs to try in place of `graph`, likeliest first: itself where there are no trees over doubles."""
    if not any(node.op_type in ANSWER for node in graph.graph.node):
        return [graph]
    exact = _compares_doubles(model)
    return [repaired(graph, model, not exact), repaired(graph, model, exact), graph]


def is_forest(model):
    """Whether a model is trees that round their input to float32, with nothing before them."""
    return type(model).__module__.startswith(("sklearn.ensemble", "sklearn.tree")) and not _compares_doubles(model)


def repaired(graph, model, rounding):
    """Return a copy whose trees answer in double, and with `rounding` see their inputs rounded to float32."""
    from onnx import TensorProto, helper

    graph = copy.deepcopy(graph)
    singles = {node.output[0] for node in graph.graph.node if _casts_to_single(node)}
    nodes = []
    for number, node in enumerate(list(graph.graph.node)):
        if node.op_type not in ANSWER:
            nodes.append(node)
            continue
        tree_nodes.complete(node, model)
        if node.input[0] in singles:
            nodes.append(node)
            continue
        if rounding:
            single, double = "orris_single_%d" % number, "orris_rounded_%d" % number
            nodes.append(helper.make_node("Cast", [node.input[0]], [single], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Cast", [single], [double], to=TensorProto.DOUBLE))
            node.input[0] = double
        position = ANSWER[node.op_type]
        declared, node.output[position] = node.output[position], "orris_answer_%d" % number
        nodes.append(node)
        nodes.append(helper.make_node("Cast", ["orris_answer_%d" % number], [declared], to=TensorProto.DOUBLE))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    for value in graph.graph.output:
        if any(node.output[0] == value.name and node.input[0].startswith("orris_answer_") for node in nodes):
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for opset in graph.opset_import:
        if opset.domain == "ai.onnx.ml":
            opset.version = max(opset.version, 3)  # the first that knows float64 thresholds
    return graph


def behind_cast(graph):
    """Return the graph with an input of doubles in place of its input of floats."""
    from onnx import TensorProto, helper

    given = graph.graph.input[0]
    for node in graph.graph.node:
        for position, name in enumerate(node.input):
            if name == given.name:
                node.input[position] = "orris_single"
    graph.graph.node.insert(0, helper.make_node("Cast", [given.name], ["orris_single"], to=TensorProto.FLOAT))
    given.type.tensor_type.elem_type = TensorProto.DOUBLE
    return graph


def _casts_to_single(node):
    single = 1  # onnx.TensorProto.FLOAT
    return node.op_type == "Cast" and any(
        attribute.name == "to" and attribute.i == single for attribute in node.attribute
    )


def _compares_doubles(model):
    boosting = sys.modules.get("sklearn.ensemble._hist_gradient_boosting.gradient_boosting")
    if boosting is None:
        return False
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return isinstance(last, boosting.BaseHistGradientBoosting)
