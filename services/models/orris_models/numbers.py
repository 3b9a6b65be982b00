"""What can be read of this service from outside: models and their conversions."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orris_kit.database import read
from orris_kit.metrics import Family
from orris_models.schema import versions

_BY_CONVERSION = sa.select(versions.c.conversion_state, sa.func.count()).group_by(versions.c.conversion_state)


def numbers_of(engine: sa.Engine) -> Iterator[Family]:
    """Give what is to be told of the models now."""
    with read(engine) as connection:
        found = {(str(state).lower(),): float(count) for state, count in connection.execute(_BY_CONVERSION)}
    help_text = "Versions of models by the state of their conversion to ONNX."
    yield Family("orris_model_versions", help_text, ("conversion",), found)
