"""Repair of nodes that ONNX Runtime cannot execute over float64 or on every machine."""

import copy

import numpy as np

from .walk import everything_in

# Nodes that ONNX Runtime implements for float32 alone.
SINGLE_ONLY = ("SVMRegressor",)
LOCALE = b"C.UTF-8"  # in every C library; en_US.UTF-8, which skl2onnx writes, is not


def repaired(graph, model):
    """Return a copy of the graph with such nodes replaced by equivalent ones; parity tests whether they are."""
    graph = copy.deepcopy(graph)
    nodes = []
    for number, node in enumerate(list(graph.graph.node)):
        if node.op_type == "StringNormalizer":
            _set_locale(node)
        if node.op_type == "Imputer":
            nodes += _impute(graph, node, number, model)
        elif node.op_type in SINGLE_ONLY:
            nodes += _between_casts(node, number)
        else:
            nodes.append(node)
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def _set_locale(node):
    from onnx import helper

    kept = [attribute for attribute in node.attribute if attribute.name != "locale"]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.append(helper.make_attribute("locale", LOCALE))


def _impute(graph, node, number, model):
    """Replace an Imputer of missing numbers by IsNaN and Where, with the model's own float64 values."""
    from onnx import TensorProto, helper

    given = {attribute.name: attribute for attribute in node.attribute}
    if "imputed_value_floats" not in given or not np.isnan(given["replaced_value_float"].f):
        return [node]
    values = np.array(given["imputed_value_floats"].floats, dtype=np.float32)
    for step in everything_in(model):
        statistics = getattr(step, "statistics_", None)
        if statistics is not None and getattr(statistics, "dtype", None) == np.float64:
            known = statistics[~np.isnan(statistics)]
            if known.shape == values.shape and np.array_equal(known.astype(np.float32), values):
                values = known
    missing, filler = "orris_missing_%d" % number, "orris_filler_%d" % number
    graph.graph.initializer.append(
        helper.make_tensor(filler, TensorProto.DOUBLE, [1, len(values)], values.astype(float).tolist())
    )
    return [
        helper.make_node("IsNaN", [node.input[0]], [missing]),
        helper.make_node("Where", [missing, filler, node.input[0]], [node.output[0]]),
    ]


def _between_casts(node, number):
    from onnx import TensorProto, helper

    narrow, wide = "orris_narrow_%d" % number, "orris_wide_%d" % number
    before = helper.make_node("Cast", [node.input[0]], [narrow], to=TensorProto.FLOAT)
    after = helper.make_node("Cast", [wide], [node.output[0]], to=TensorProto.DOUBLE)
    node.input[0], node.output[0] = narrow, wide
    return [before, node, after]
