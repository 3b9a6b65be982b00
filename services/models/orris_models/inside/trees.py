"""Inputs at the thresholds of decision trees, where one unit in the last place decides."""

import numpy as np

from .inspection import members

TREES = 40
ROWS = 120


def trees_of(step):
    """Return (left, right, feature, threshold) of at most 40 trees of an ensemble; feature < 0 marks a leaf."""
    grown = [step] + members(step)
    found = [
        (tree.children_left, tree.children_right, tree.feature, tree.threshold)
        for tree in (getattr(one, "tree_", None) for one in grown)
        if tree is not None
    ]
    for iteration in getattr(step, "_predictors", None) or []:  # histogram gradient boosting
        for predictor in iteration:
            nodes = predictor.nodes
            names = nodes.dtype.names
            threshold = nodes["num_threshold" if "num_threshold" in names else "threshold"].astype(float)
            feature = np.where(nodes["is_leaf"] != 0, -1, nodes["feature_idx"].astype(int))
            if "is_categorical" in names:  # a category's number, not a threshold
                threshold = np.where(nodes["is_categorical"] != 0, 0.5, threshold)
            found.append((nodes["left"].astype(int), nodes["right"].astype(int), feature, threshold))
    step_over = max(1, len(found) // TREES)
    return found[::step_over][:TREES]


def rows_at_thresholds(trees, width, random):
    """Return rows whose values lie just below, at and just above thresholds; half of them follow a path to a leaf."""
    pools = [[] for _ in range(width)]
    for _, _, feature, threshold in trees:
        for index, value in zip(feature, threshold):
            if 0 <= index < width and np.isfinite(value) and len(pools[index]) < 500:
                pools[index].append(value)
    drawn = [random.choice(pool, ROWS) if pool else random.standard_normal(ROWS) for pool in pools]
    rows = beside(np.column_stack(drawn), random)
    for row in rows[::2]:
        _follow(trees[random.randint(len(trees))], row, random)
    return rows


def beside(values, random):
    """Return the values or neighbours of them: in float64, in float32 (which trees compare in), a little further."""
    with np.errstate(all="ignore"):
        single = values.astype(np.float32)
        neighbours = [
            values,
            np.nextafter(values, -np.inf),
            np.nextafter(values, np.inf),
            single.astype(float),
            np.nextafter(single, np.float32(-np.inf)).astype(float),
            np.nextafter(single, np.float32(np.inf)).astype(float),
            values - np.abs(values) * 1e-3 - 1e-6,
            values + np.abs(values) * 1e-3 + 1e-6,
        ]
    return np.choose(random.randint(len(neighbours), size=values.shape), neighbours)


def _follow(tree, row, random):
    """Change `row` so that it reaches a leaf drawn at random, near the thresholds on its way."""
    left, right, feature, threshold = tree
    low, high, node = {}, {}, 0
    while feature[node] >= 0:
        index, value = feature[node], threshold[node]
        go_left = random.randint(2) if low.get(index, -np.inf) < value else 0
        if not np.isfinite(value):
            go_left = 1
        elif go_left:
            high[index] = min(value, high.get(index, np.inf))
        else:
            low[index] = max(value, low.get(index, -np.inf))
        node = left[node] if go_left else right[node]
    for index in set(low) | set(high):
        if index in high and (index not in low or random.randint(2)):
            row[index] = high[index]
        else:
            row[index] = np.nextafter(np.float32(low[index]), np.float32(np.inf))
