"""Calls a fitted estimator with rows from JSON."""

import threading

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples", "transform")


class Refused(Exception):
    """The request cannot be answered as it is; the message says why."""


class Model(object):
    """A fitted estimator.

    One call at a time: scikit-learn's own estimators could answer side by side, but what users derive from them need
    not, and a call that profits from several cores takes them through BLAS or OpenMP.
    """

    def __init__(self, estimator):
        self._estimator = estimator
        self._lock = threading.Lock()
        self.estimator_name = "%s.%s" % (type(estimator).__module__, type(estimator).__name__)
        self.methods = [name for name in METHODS if callable(getattr(estimator, name, None))]
        self.columns = _names(estimator)

    def describe(self):
        """Return what is known of the model, as JSON."""
        count = getattr(self._estimator, "n_features_in_", None)
        return {
            "estimator": self.estimator_name,
            "methods": self.methods,
            "columns": self.columns,
            "column_count": int(count) if count is not None else None,
        }

    def call(self, method, data, columns):
        """Return what the estimator answers to `data`: rows in the order of `columns`, or documents.

        Raises Refused for what no model could answer, and whatever the estimator raises.
        """
        if method not in self.methods:
            raise Refused("method must be one of %s" % ", ".join(self.methods))
        if not isinstance(data, list) or not data:
            raise Refused("data must be a list of rows, at least one")
        table = self._table(data, columns)
        with self._lock:
            return getattr(self._estimator, method)(table)

    def _table(self, data, columns):
        if not isinstance(data[0], list):
            return data  # documents
        wanted = self.columns or columns
        if not wanted:
            return _array(data)
        if columns and self.columns and columns != self.columns:
            data = _reordered(data, columns, self.columns)
        if any(len(row) != len(wanted) for row in data):
            raise Refused("each row must have %d values: %s" % (len(wanted), ", ".join(map(str, wanted))))
        try:
            import pandas
        except ImportError:
            return _array(data)
        return pandas.DataFrame(data, columns=wanted)


def _names(estimator):
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _reordered(data, columns, wanted):
    if sorted(columns) != sorted(wanted):
        raise Refused("columns must be %s" % ", ".join(wanted))
    positions = [columns.index(name) for name in wanted]
    return [[row[position] for position in positions] for row in data]


def _array(data):
    import numpy

    if len(set(map(len, data))) != 1:
        raise Refused("all rows must have the same number of values")
    mixed = any(isinstance(value, str) for row in data for value in row)
    return numpy.array(data, dtype=object if mixed else "float64")
