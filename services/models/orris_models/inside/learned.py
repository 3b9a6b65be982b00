"""What a fitted model knows of each of its columns: the kind of values, categories, and numbers that matter."""

import numbers

import numpy as np

from .inspection import steps_of


class Column:
    """A column: `kind` NUMBER, INTEGER, BOOLEAN or TEXT; `categories` seen in fitting; `texts` to make documents of."""

    def __init__(self, name):
        self.name = name
        self.kind = "NUMBER"
        self.categories = []
        self.texts = []


def columns_of(model, signature, sample=None):
    """Return a Column for each input of the signature, from the sample if there is one, and the model's encoders."""
    columns = [Column(column["name"]) for column in signature["inputs"]]
    learn(model, columns)
    for index, values in enumerate(_sample_columns(sample, signature)):
        kind = kind_of(values)
        if kind in ("TEXT", "BOOLEAN"):  # a whole number in a sample may stand in a column of fractions
            columns[index].kind = kind
    return columns


def learn(model, columns):
    """Let each step that still sees the columns as they came say what it knows of them."""
    for step in steps_of(model):
        _learn_from(step, columns)
        if not keeps_columns(step, len(columns)):
            return


def _learn_from(step, columns):
    vocabulary = getattr(step, "vocabulary_", None)
    if isinstance(vocabulary, dict) and len(columns) == 1 and not hasattr(step, "feature_names_"):
        columns[0].kind = "TEXT"
        columns[0].texts = sorted(str(word) for word in vocabulary)[:2000]
    elif hasattr(step, "norm") and hasattr(step, "n_features") and hasattr(step, "analyzer"):
        columns[0].kind = "TEXT"  # a HashingVectorizer keeps nothing of what it saw
        columns[0].texts = ["alpha", "beta", "gamma", "delta", "1", "2026"]
    if hasattr(step, "transformers_"):
        for _, transformer, selected in step.transformers_:
            inner = [columns[index] for index in positions(selected, columns)]
            if inner and not isinstance(transformer, str):
                learn(transformer, inner)
    for _, branch in getattr(step, "transformer_list", ()):
        if not isinstance(branch, str):
            learn(branch, columns)
    categories = getattr(step, "categories_", None)
    if categories is not None and len(categories) == len(columns):
        for column, values in zip(columns, categories):
            column.categories = [plain(value) for value in values if value is not None and value == value]
            column.kind = kind_of(column.categories, column.kind)
    for column, value in zip(columns, np.ravel(getattr(step, "statistics_", []))):
        if isinstance(value, str):
            column.kind = "TEXT"
            column.categories = column.categories or [value]


def positions(selected, columns):
    """Return the positions that a ColumnTransformer's selector names: names, numbers, a slice or a mask."""
    names = [column.name for column in columns]
    if isinstance(selected, slice):
        if isinstance(selected.start, str) or isinstance(selected.stop, str):
            start = names.index(selected.start) if selected.start is not None else 0
            stop = names.index(selected.stop) + 1 if selected.stop is not None else len(names)
            return list(range(len(names)))[start : stop : selected.step]
        return list(range(len(names)))[selected]
    values = [selected] if isinstance(selected, (str, numbers.Integral)) else list(selected)
    if values and all(isinstance(value, (bool, np.bool_)) for value in values):
        return [index for index, value in enumerate(values) if value]
    return [names.index(value) if isinstance(value, str) else int(value) % len(names) for value in values]


def keeps_columns(step, width):
    """Whether column i of a step's answer is column i of its input, as with scalers and imputers."""
    module = type(step).__module__
    if not module.startswith(("sklearn.impute", "sklearn.preprocessing")) or hasattr(step, "categories_"):
        return False
    if getattr(step, "indicator_", None) is not None or hasattr(step, "powers_") or hasattr(step, "bsplines_"):
        return False
    return getattr(step, "n_features_in_", width) == width


def plain(value):
    """Return a numpy value as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def kind_of(values, otherwise="NUMBER"):
    """Return the kind that all values share; missing values fit every kind."""
    present = [value for value in values if value is not None and value == value]
    if not present:
        return otherwise
    if all(isinstance(value, (bool, np.bool_)) for value in present):
        return "BOOLEAN"
    if any(isinstance(value, str) for value in present):
        return "TEXT"
    return "INTEGER" if all(isinstance(value, numbers.Integral) for value in present) else "NUMBER"


def _sample_columns(sample, signature):
    """Return the sample's values by column."""
    if not sample or signature["one_dimensional"]:
        return []
    names = [column["name"] for column in signature["inputs"]]
    if isinstance(sample[0], dict):
        return [[row.get(name) for row in sample] for name in names]
    if isinstance(sample[0], list):
        return [[row[index] for row in sample if index < len(row)] for index in range(len(names))]
    return []
