"""Metrics as `get_metrics` returns them, made from the events of a journal."""


def shape(events, name=None, artifact="%s") -> dict:
    """Return {metric: value}, of all metrics or of the one called `name`.

    A metric logged once by `log` is its value, logged again the list of its values; `log_list` gives a list, rows and
    tables give {column: list} with None where a cell is missing; an artifact gives `artifact` with its path filled in.
    """
    metrics = {}
    kinds = {}
    for event in events:
        if event.get("event") != "metric" or name not in (None, event.get("name")):
            continue
        key, kind = event["name"], event["type"]
        kinds.setdefault(key, set()).add(kind)
        if "cells" in event:
            table = metrics.setdefault(key, Table())
            if isinstance(table, Table):
                table.add(event["cells"])
        elif kind == "artifact":
            metrics[key] = artifact % event["value"]
        else:
            values = metrics.setdefault(key, [])
            if isinstance(values, list):
                values.append(event["value"])
    return {key: _simplify(value, kinds[key]) for key, value in metrics.items()}


class Table(dict):
    """Columns of equal length."""

    length = 0

    def add(self, cells) -> None:
        for column in cells:
            self.setdefault(column, [None] * self.length)
        for column, values in self.items():
            values.append(cells.get(column))
        self.length += 1


def _simplify(value, kinds):
    if isinstance(value, Table):
        return dict(value)
    if isinstance(value, list) and len(value) == 1 and kinds == {"scalar"}:
        return value[0]
    return value
