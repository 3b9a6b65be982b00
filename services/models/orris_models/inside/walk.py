"""Rows for a whole model: each step's own rows, brought back through the steps before it."""

import numpy as np

from .inspection import members, n_features, steps_of
from .learned import Column, keeps_columns, positions
from .seeds import rows_of_estimator

INNER = (
    "estimator_",
    "base_estimator_",
    "regressor_",
    "classifier_",
    "final_estimator_",
    "estimator",
    "base_estimator",
)
ENOUGH = 1500


def rows_of(model, columns, random):
    """Return rows (n, len(columns)) of objects, None where a cell is unknown; none where the model shows nothing."""
    steps = steps_of(model)
    found = []
    for count, step in enumerate(steps):
        width = len(columns) if count == 0 else n_features(step)
        rows = _own(step, columns if count == 0 else [Column("")] * width, random) if width else None
        for before in range(count - 1, -1, -1):
            if rows is None or not len(rows):
                break
            rows = back(steps[before], rows, columns if before == 0 else [Column("")] * n_features(steps[before]))
        if rows is not None and len(rows) and rows.shape[1] == len(columns):
            found.append(rows[:ENOUGH])
    return np.vstack(found) if found else np.empty((0, len(columns)), dtype=object)


def back(step, rows, columns):
    """Return inputs of `step` that it transforms into `rows`, or nearly; None where that cannot be told."""
    if hasattr(step, "transformers_"):
        return _back_through_blocks(step, rows, columns)
    if len(columns) == rows.shape[1] and keeps_columns(step, len(columns)) and not hasattr(step, "inverse_transform"):
        return rows
    try:
        answer = step.inverse_transform(rows.astype(float))
    except Exception:
        return rows if rows.shape[1] == len(columns) and keeps_columns(step, len(columns)) else None
    answer = np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer, dtype=object)
    return answer if answer.ndim == 2 and answer.shape[1] == len(columns) else None


def _back_through_blocks(step, rows, columns):
    """Bring each block of a ColumnTransformer's answer back into the columns that it was made of."""
    answer = np.full((len(rows), len(columns)), None, dtype=object)
    for name, transformer, selected in step.transformers_:
        where = positions(selected, columns)
        span = getattr(step, "output_indices_", {}).get(name)
        if span is None or not where or transformer == "drop":
            continue
        part = rows[:, span]
        if not isinstance(transformer, str):
            inner = steps_of(transformer)
            for before in range(len(inner) - 1, -1, -1):
                count = len(where) if before == 0 else n_features(inner[before])
                part = back(inner[before], part, [Column("")] * count) if part is not None else None
        if part is not None and part.shape[1] == len(where):
            answer[:, where] = part
    return answer


def _own(step, columns, random):
    """Return rows from what a step learned itself, and from the estimators inside it."""
    width = len(columns)
    found = [rows_of_estimator(step, width, random).astype(object)]
    for _, transformer, selected in getattr(step, "transformers_", ()):
        where = positions(selected, columns)
        if where and not isinstance(transformer, str):
            part = rows_of(transformer, [columns[index] for index in where], random)
            rows = np.full((len(part), width), None, dtype=object)
            rows[:, where] = part
            found.append(rows)
    for inner, where in _inside(step, width):
        part = rows_of(inner, [columns[index] for index in where], random)
        rows = np.full((len(part), width), None, dtype=object)
        rows[:, where] = part
        found.append(rows)
    return np.vstack(found)


def _inside(step, width):
    """Return (estimator, positions of its columns) for what is inside a step; trees are seen as a forest elsewhere."""
    everything = list(range(width))
    inner = [branch for _, branch in getattr(step, "transformer_list", ())]
    inner += [getattr(step, name, None) for name in INNER]
    inner += [getattr(pair, "estimator", None) for pair in getattr(step, "calibrated_classifiers_", ())]
    found = [(one, everything) for one in inner]
    several = members(step)
    chosen = getattr(step, "estimators_features_", None) or [everything] * len(several)
    found += [(one, list(where)) for one, where in zip(several[:5], chosen)]
    fitted = [(one, where) for one, where in found if n_features(one) == len(where)]
    return [(one, where) for one, where in fitted if where and not hasattr(one, "tree_")]


def everything_in(model, depth=0):
    """Return a model's fitted parts, itself first."""
    parts = [model]
    inner = [step for step in steps_of(model) if step is not model]
    inner += [transformer for _, transformer, _ in getattr(model, "transformers_", ())]
    inner += [branch for _, branch in getattr(model, "transformer_list", ())]
    inner += [getattr(model, name, None) for name in INNER]
    inner += members(model)
    for one in inner:
        if one is not None and not isinstance(one, str) and depth < 8:
            parts += everything_in(one, depth + 1)
    return parts
