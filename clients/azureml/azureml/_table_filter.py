"""Conditions on rows and files, under Azure's names: what is wrong with one is said where it is written."""

from __future__ import annotations

from azureml._errors import translated
from orris.sdk import table_filter as sdk


@translated()
class RowCondition(sdk.RowCondition):
    """What a row must be like; combined with `&`, `|` and `~`."""


@translated()
class Column(sdk.Column):
    """A column of a table, to be compared with a text, a number, a truth value or a moment."""

    _condition = RowCondition
