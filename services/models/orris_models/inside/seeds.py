"""Rows of numbers drawn from what a fitted estimator learned, in the space of its own input."""

import numpy as np

from . import trees

ROWS = 80
POINTS = (
    "support_vectors_", "_fit_X", "X_fit_", "X_train_", "cluster_centers_", "subcluster_centers_", "means_", "theta_",
    "centroids_", "quantiles_",
)  # fmt: skip


def rows_of_estimator(step, width, random):
    """Return rows (n, width) drawn from what `step` itself learned; no rows where it shows nothing."""
    found = []
    for source in (_points, _spread, _range, _bins, _directions, _boundary, _thresholds):
        try:
            rows = source(step, width, random)
        except (AttributeError, TypeError, ValueError, IndexError):
            continue  # an attribute of this name means something else in this class
        if rows is not None and rows.ndim == 2 and rows.shape[1] == width and len(rows):
            found.append(np.asarray(rows, dtype=float))
    return np.vstack(found) if found else np.empty((0, width))


def dense(value):
    """Return an array of floats, also of a sparse matrix."""
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value, dtype=float)


def jitter(rows, random):
    """Return rows moved by a tenth of their spread."""
    return rows + random.standard_normal(rows.shape) * 0.1 * (rows.std(axis=0) + 1e-9)


def _points(step, width, random):
    """Support vectors, training rows, centres: they, points near them, and points between two of them."""
    blocks = [getattr(step, name) for name in POINTS if getattr(step, name, None) is not None]
    points = np.vstack([block for block in map(dense, blocks) if block.ndim == 2 and block.shape[1] == width])
    some = points[random.randint(len(points), size=ROWS)]
    others = points[random.randint(len(points), size=ROWS)]
    share = random.choice([0.1, 0.3, 0.47, 0.53], size=(ROWS, 1))  # not 0.5: a tie is nobody's fault
    return np.vstack([some[: ROWS // 2], jitter(some, random), some * share + others * (1 - share)])


def _spread(step, width, random):
    """Means and scales."""
    center = getattr(step, "mean_", None)
    center = getattr(step, "center_", None) if center is None else center
    scale = getattr(step, "scale_", None)
    if scale is None:
        scale = np.sqrt(dense(getattr(step, "var_", np.ones(width))))
    if center is None and not hasattr(step, "scale_"):
        return None
    center = np.zeros(width) if center is None else dense(center)
    return center + dense(scale) * random.standard_normal((ROWS, width)) * random.choice([0.5, 1, 3], size=(ROWS, 1))


def _range(step, width, random):
    """Smallest and largest values, and a little beyond them; medians of an imputer."""
    low, high = getattr(step, "data_min_", None), getattr(step, "data_max_", None)
    if low is None and hasattr(step, "max_abs_"):
        low, high = -dense(step.max_abs_), step.max_abs_
    if low is None and hasattr(step, "statistics_"):
        middle = dense(step.statistics_)
        low, high = middle - np.abs(middle) - 1, middle + np.abs(middle) + 1
    if low is None:
        return None
    return dense(low) + (dense(high) - dense(low)) * random.uniform(-0.1, 1.1, size=(ROWS, width))


def _bins(step, width, random):
    """Edges of bins, and knots."""
    edges = [dense(edge) for edge in getattr(step, "bin_edges_", [])]
    if hasattr(step, "bsplines_"):
        edges = [dense(spline.t) for spline in step.bsplines_][:width]
    if hasattr(step, "X_thresholds_"):
        edges = [dense(step.X_thresholds_)]
    if len(edges) != width:
        return None
    return trees.beside(np.column_stack([random.choice(edge, ROWS) for edge in edges]), random)


def _directions(step, width, random):
    """Points along the components of a decomposition."""
    components = dense(step.components_)
    lengths = np.sqrt(dense(getattr(step, "explained_variance_", np.ones(len(components)))))
    center = dense(getattr(step, "mean_", None)) if getattr(step, "mean_", None) is not None else 0.0
    return center + (random.standard_normal((ROWS, len(components))) * lengths).dot(components)


def _boundary(step, width, random):
    """Rows on both sides of the hyperplanes of a linear model, near them and far from them."""
    weights = np.atleast_2d(dense(step.coef_))
    offsets = np.ravel(dense(getattr(step, "intercept_", 0.0)))
    typical = 1.0 / np.maximum(np.abs(weights).mean(axis=0), 1e-3)
    rows = random.standard_normal((2 * ROWS, width)) * typical
    for number, row in enumerate(rows):
        which = random.randint(len(weights))
        weight, offset = weights[which], offsets[which % len(offsets)]
        square = weight.dot(weight)
        if number % 2 and square > 0:
            away = random.choice([-1, 1]) * random.choice([1e-4, 1e-2, 1.0])
            row -= weight * ((row.dot(weight) + offset) / square - away / np.sqrt(square))
    return rows


def _thresholds(step, width, random):
    grown = trees.trees_of(step)
    return trees.rows_at_thresholds(grown, width, random) if grown else None
