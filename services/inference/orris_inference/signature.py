"""What a model takes and answers, whatever serves it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Azure answers with predict_proba where the model has it (its documentation of deployment without code).
DEFAULT_METHODS = ("predict_proba", "predict")


class ColumnType(StrEnum):
    """What a column's values are; ANY where nothing is known."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the input; without a name where the model was fitted without names."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and answers.

    columns: None where nothing is known of them. one_dimensional: the input is a list of documents.
    methods: the default first.
    """

    methods: tuple[str, ...]
    columns: tuple[Column, ...] | None = None
    accepts_nan: bool = True
    one_dimensional: bool = False

    @property
    def names(self) -> list[str] | None:
        """The columns' names, None where the model has none."""
        if self.columns is None or self.one_dimensional or not all(column.name for column in self.columns):
            return None
        return [column.name for column in self.columns]


def default_first(methods: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Return the methods with the one that is called by default in front."""
    first = next((method for method in DEFAULT_METHODS if method in methods), None)
    return tuple(methods) if first is None else (first, *(method for method in methods if method != first))
