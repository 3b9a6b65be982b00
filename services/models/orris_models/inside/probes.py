"""The inputs that both, the model and its graph, are asked about."""

import numpy as np

from . import documents, tables
from .inspection import callable_method
from .walk import rows_of

SEED = 20260630
LEARNED = 300
RECOMBINED = 120
PLAIN = 30
MISSING = 40


def choose(model, signature, columns, sample=None):
    """Return the probes: rows of the sample and recombinations of them, else rows drawn from what the model learned."""
    random = np.random.RandomState(SEED)
    source = "SAMPLE" if sample else "LEARNED"
    if signature["one_dimensional"]:
        texts = [str(text) for text in sample] if sample else documents.write(columns[0].texts, random)
        return _answerable(model, tables.Documents(texts, source))
    rows = _sample_rows(sample, signature) if sample else _learned_rows(model, columns, random)
    rows = np.vstack([rows, _recombine(rows, random)]) if len(rows) else rows
    return _answerable(model, tables.Table(rows, columns, source, random))


def accepts_nan(model, signature, chosen):
    """Return whether the model answers where every number is missing, and if so add probes with missing values."""
    if signature["one_dimensional"] or not len(chosen):
        return False
    try:
        ask(model, chosen.all_missing())
    except Exception:
        return False
    if not chosen.numeric():
        return False
    chosen.add_missing(MISSING, np.random.RandomState(SEED + 1))
    return True


def ask(model, inputs):
    """Call the model's main method."""
    return next(getattr(model, name) for name in ("predict", "transform") if callable_method(model, name))(inputs)


def _answerable(model, probes):
    """Keep the probes that the model answers: it may refuse unknown categories or negative numbers."""
    try:
        ask(model, probes.original())
        return probes
    except Exception:
        pass
    kept = []
    for index in range(len(probes)):
        try:
            ask(model, probes.original([index]))
        except Exception:
            continue
        kept.append(index)
    return probes.only(kept)


def _learned_rows(model, columns, random):
    rows = rows_of(model, columns, random)
    if len(rows) > LEARNED:
        rows = rows[random.permutation(len(rows))[:LEARNED]]
    return np.vstack([rows, random.standard_normal((PLAIN, len(columns))).astype(object)])


def _recombine(rows, random):
    """Return new rows whose cells come from different rows."""
    drawn = random.randint(len(rows), size=(RECOMBINED, rows.shape[1]))
    return np.take_along_axis(rows, drawn, axis=0)


def _sample_rows(sample, signature):
    names = [column["name"] for column in signature["inputs"]]
    listed = [[row.get(name) for name in names] if isinstance(row, dict) else row for row in sample]
    if any(not isinstance(row, list) or len(row) != len(names) for row in listed):
        what = ", ".join(filter(None, names)) or "numbers"
        raise SystemExit("the sample's rows must have %d columns: %s" % (len(names), what))
    rows = np.full((len(listed), len(names)), None, dtype=object)
    for index, row in enumerate(listed):
        rows[index, :] = row
    return rows
