"""What skl2onnx leaves out of an ensemble's nodes: thresholds in float64, and where missing values go.

skl2onnx numbers trees as the ensemble and nodes as the tree does; that is checked by the thresholds it wrote.
"""

import numpy as np

from .inspection import members, steps_of


def complete(node, model):
    """Write float64 thresholds and the ways of missing values into an ensemble node, if its trees are the model's."""
    from onnx import helper, numpy_helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    trees, nodes = attributes.get("nodes_treeids"), attributes.get("nodes_nodeids")
    grown = _trees(steps_of(model)[-1])
    if not grown or not trees or max(trees) + 1 != len(grown):
        return
    try:
        thresholds = np.array([grown[tree][0][index] for tree, index in zip(trees, nodes)], dtype=float)
        missing_left = [int(grown[tree][1][index]) for tree, index in zip(trees, nodes)]
    except IndexError:
        return
    inner = np.array([mode != b"LEAF" for mode in attributes["nodes_modes"]])
    written = attributes.get("nodes_values")
    if written is None:
        written = numpy_helper.to_array(attributes["nodes_values_as_tensor"])
    written = np.asarray(written, dtype=np.float64)
    with np.errstate(all="ignore"):
        if not np.allclose(written[inner], thresholds[inner], rtol=1e-6):
            return
    thresholds[~inner] = 0.0
    _replace(node, "nodes_values", "nodes_values_as_tensor", numpy_helper.from_array(thresholds, "nodes_values"))
    _replace(node, "", "nodes_missing_value_tracks_true", missing_left)
    for name in ("target_weights", "class_weights", "base_values"):
        if attributes.get(name):
            value = numpy_helper.from_array(np.array(attributes[name], dtype=np.float64), name)
            _replace(node, name, name + "_as_tensor", value)


def _trees(step):
    """Return (thresholds, whether a missing value goes left) by node of each tree, in the ensemble's order."""
    grown = [step] + members(step)
    found = []
    for tree in (getattr(one, "tree_", None) for one in grown):
        if tree is not None:
            left = getattr(tree, "missing_go_to_left", np.zeros(len(tree.threshold), dtype=int))
            found.append((tree.threshold, left))
    for iteration in getattr(step, "_predictors", None) or []:
        for predictor in iteration:
            nodes = predictor.nodes
            name = "num_threshold" if "num_threshold" in nodes.dtype.names else "threshold"
            found.append((nodes[name], nodes["missing_go_to_left"]))
    return found


def _replace(node, old, new, value):
    from onnx import helper

    kept = [attribute for attribute in node.attribute if attribute.name not in (old, new)]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.attribute.append(helper.make_attribute(new, value))
