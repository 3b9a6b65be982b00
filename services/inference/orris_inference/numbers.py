"""What can be read of this service from outside: endpoints, what they are asked, and how inputs drift."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orris_inference.model import State
from orris_inference.routes import Routes
from orris_inference.schema import endpoints
from orris_kit.database import read
from orris_kit.metrics import Distribution, Family

# Of a model with more columns, the others are in the contract only.
COLUMNS = 100

_BY_STATE = sa.select(endpoints.c.state, sa.func.count()).group_by(endpoints.c.state)


def numbers_of(engine: sa.Engine, routes: Routes) -> Iterator[Family | Distribution]:
    """Give what is to be told of the endpoints now."""
    with read(engine) as connection:
        found: dict[str, int] = dict(connection.execute(_BY_STATE).tuples().all())
    states = {(state.value,): float(found.get(state.value, 0)) for state in State}
    yield Family("orris_endpoints", "Endpoints by state.", ("state",), states)
    known = routes.statistics()
    answered = {(endpoint,): each.answered for endpoint, each in known.items()}
    yield Distribution(
        "orris_prediction_seconds", "Predictions answered, and how long it took.", ("endpoint",), answered
    )
    errors = {
        (endpoint, code): float(count) for endpoint, each in known.items() for code, count in list(each.errors.items())
    }
    help_text = "Predictions that failed, by the kind of error."
    yield Family("orris_prediction_errors", help_text, ("endpoint", "code"), errors, kind="counter")
    drift = {
        (endpoint, column.column): column.index
        for endpoint, each in known.items()
        if each.drift is not None
        for column in each.drift.columns()[:COLUMNS]
        if column.index is not None
    }
    help_text = "Population stability index of a column in the last hour, against the sample of the model."
    yield Family("orris_input_drift", help_text, ("endpoint", "column"), drift)
