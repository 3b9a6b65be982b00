"""How the answers of the model and of its graph compare.

Labels must be equal. Numbers may differ by 1e-5 of their own size plus 1e-6 of the answers' usual size: some ONNX
operators (tree ensembles, support vector machines) compute in float32, whose rounding is 6e-8, and add up to some
hundred terms; a wrong branch of a tree or a wrong kernel shows as differences larger by orders of magnitude.
"""

import numpy as np

RELATIVE = 1e-5
OF_USUAL_SIZE = 1e-6


def as_array(answer):
    """Return an answer as an array: sparse ones dense, a list of arrays (several outputs) stacked."""
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    return np.asarray(answer)


def row_axis(answer):
    """Return the axis of the rows: behind the outputs where there are several."""
    return 1 if answer.ndim == 3 else 0


def first_rows(answer, count):
    """Return the answers for the first inputs."""
    return answer[:, :count] if row_axis(answer) else answer[:count]


def compare(method, expected, got):
    """Return how many rows were compared, how many differ, and the largest difference of two numbers."""
    count = expected.shape[row_axis(expected)]
    different, largest = _rows_differing(expected, np.asarray(got))
    return {
        "method": method,
        "compared": int(count),
        "different": int(different),
        "max_absolute_difference": float(largest),
    }


def added(one, other):
    """Return two comparisons of one method as one."""
    return {
        "method": one["method"],
        "compared": one["compared"] + other["compared"],
        "different": one["different"] + other["different"],
        "max_absolute_difference": max(one["max_absolute_difference"], other["max_absolute_difference"]),
    }


def _rows_differing(expected, got):
    count = expected.shape[row_axis(expected)]
    if expected.shape != got.shape or not _same_kind(expected, got):
        return count, 0.0
    if expected.dtype.kind != "f":
        wrong, largest = expected != got, 0.0
    else:
        wrong, largest = _wrong_numbers(expected, got.astype(float))
    axes = tuple(axis for axis in range(expected.ndim) if axis != row_axis(expected))
    return np.sum(np.any(wrong, axis=axes) if axes else wrong), largest


def _wrong_numbers(expected, got):
    with np.errstate(all="ignore"):
        same = (expected == got) | (np.isnan(expected) & np.isnan(got))
        distance = np.where(same, 0.0, np.abs(expected - got))
        sizes = np.abs(expected[np.isfinite(expected) & (expected != 0)])
        usual = np.median(sizes) if sizes.size else 0.0
        close = distance <= RELATIVE * np.abs(expected) + OF_USUAL_SIZE * usual
    return ~(same | close), float(np.max(np.where(np.isnan(distance), np.inf, distance))) if distance.size else 0.0


def _same_kind(expected, got):
    """Whether both are numbers, or both texts, or both truth values: what JSON shows differently is different."""
    kinds = {"i": "number", "u": "number", "f": "number", "b": "truth"}
    return kinds.get(expected.dtype.kind, "text") == kinds.get(got.dtype.kind, "text")
