"""Numbers with a name: one value for each combination of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orris_kit.metrics.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Family:
    """A gauge, or a counter (its name without `_total`). `values` are by tuples of labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: Mapping[Any, float] = field(default_factory=dict)
    kind: Literal["gauge", "counter"] = "gauge"


@dataclass(frozen=True, slots=True)
class Distribution:
    """Durations in seconds, by tuples of labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: Mapping[Any, Histogram] = field(default_factory=dict)
