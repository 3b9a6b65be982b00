"""Probes in the two forms that are needed: as the model was fitted with them, and as the graph takes them."""

import numpy as np

DTYPES = {"NUMBER": np.float64, "INTEGER": np.int64, "BOOLEAN": np.bool_, "TEXT": object}
GRAPH_DTYPES = {"tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
UNSEEN = "never seen in training"


class Documents:
    """A list of texts."""

    def __init__(self, texts, source):
        self.texts = texts
        self.source = source

    def __len__(self):
        return len(self.texts)

    def only(self, indices):
        return Documents([self.texts[index] for index in indices], self.source)

    def original(self, indices=None):
        return list(self.texts) if indices is None else [self.texts[index] for index in indices]

    def feed(self, names, indices=None):
        return {names[0][0]: np.array(self.original(indices), dtype=object).reshape(-1, 1)}


class Table:
    """Columns of numbers, truth values and texts; cells that are not known are filled with what the column knows."""

    def __init__(self, rows, columns, source, random):
        self.columns = columns
        self.source = source
        self.values = [_fill(rows[:, index], column, random, source) for index, column in enumerate(columns)]

    def __len__(self):
        return len(self.values[0]) if self.values else 0

    def only(self, indices):
        self.values = [values[indices] for values in self.values]
        return self

    def numeric(self):
        """Return the positions of the columns that may hold missing values."""
        return [index for index, column in enumerate(self.columns) if column.kind == "NUMBER"]

    def add_missing(self, count, random):
        """Append rows in which numbers are missing."""
        some = random.randint(len(self), size=count)
        extra = [values[some].copy() for values in self.values]
        for index in self.numeric():
            extra[index][random.uniform(size=count) < 0.4] = np.nan
        self.values = [np.concatenate(pair) for pair in zip(self.values, extra)]

    def all_missing(self):
        """Return one row, as the model takes it, in which every number is missing."""
        row = [values[:1].copy() for values in self.values]
        for index in self.numeric():
            row[index][:] = np.nan
        return self._frame(row)

    def original(self, indices=None):
        """Return all rows, or those, as the model was fitted with them: a DataFrame where it knows names."""
        return self._frame([values if indices is None else values[indices] for values in self.values])

    def feed(self, names, indices=None):
        """Return the graph's inputs: one `X` for all columns, or one input a column, in the columns' order.

        names: (name, type) of the graph's inputs.
        """
        values = [values if indices is None else values[indices] for values in self.values]
        if len(names) == 1 and names[0][0] == "X" and len(values) >= 1 and names[0][1] == "tensor(double)":
            return {"X": np.column_stack(values).astype(np.float64)}
        return {
            name: column.reshape(-1, 1).astype(GRAPH_DTYPES.get(kind, object))
            for (name, kind), column in zip(names, values)
        }

    def _frame(self, values):
        if any(column.name for column in self.columns):
            try:
                import pandas
            except ImportError:
                pass
            else:
                return pandas.DataFrame({column.name: one for column, one in zip(self.columns, values)})
        if any(column.kind == "TEXT" for column in self.columns):
            rows = np.empty((len(values[0]), len(values)), dtype=object)
            for index, one in enumerate(values):
                rows[:, index] = one
            return rows
        return np.column_stack(values).astype(np.float64)


def _fill(cells, column, random, source):
    """Return a column's cells in its kind, unknown ones drawn from what is known of it."""
    if column.kind == "TEXT":
        known = [str(value) for value in column.categories] or _known(cells, str) or ["a", "b"]
        filled = [cell if isinstance(cell, str) else known[random.randint(len(known))] for cell in cells]
        if column.categories and source == "LEARNED":
            for index in range(0, len(filled), 15):
                filled[index] = UNSEEN
        return np.array(filled, dtype=object)
    known = column.categories or _known(cells, (int, float, np.generic)) or [-1.0, 0.0, 0.5, 1.0]
    if column.kind != "NUMBER":
        drawn = [cell if cell in known else known[random.randint(len(known))] for cell in cells]
        return np.array(drawn, dtype=DTYPES[column.kind])
    drawn = [cell if _is_number(cell) else known[random.randint(len(known))] for cell in cells]
    return np.array(drawn, dtype=np.float64)


def _known(cells, types):
    return [cell for cell in cells if isinstance(cell, types) and cell == cell]


def _is_number(cell):
    return isinstance(cell, (int, float, np.generic)) and np.isfinite(float(cell))
