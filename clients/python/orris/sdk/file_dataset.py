"""Datasets that are files as they are."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterable
from typing import Any, Self

from orris.errors import InvalidArgument
from orris.sdk.data_inputs import DatasetConsumptionConfig
from orris.sdk.dataset import Dataset
from orris.sdk.dataset_parts import at_least_0, probability, seed_or_new
from orris.sdk.mount_context import MountContext
from orris.sdk.path_values import PathValues
from orris.sdk.table_filter import Column, RowCondition


class FileDataset(Dataset):
    """Files as they are."""

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return it as an input that is only to be read."""
        return self.as_named_input(_new_name()).as_mount(path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return it as an input that the run may change."""
        return self.as_named_input(_new_name()).as_download(path_on_compute)

    def mount(self, mount_point: str | os.PathLike[str] | None = None, **_options: Any) -> MountContext:
        """Return a context in which copies of the files are in a folder, which goes with it unless it was named."""
        return MountContext(self, mount_point)

    def take(self, count: int) -> Self:
        """Return the first files, in the order of their paths."""
        return self._only(self.files.paths()[: at_least_0(count)])

    def skip(self, count: int) -> Self:
        """Return all but the first files."""
        return self._only(self.files.paths()[at_least_0(count) :])

    def take_sample(self, probability: float, seed: int | None = None) -> Self:
        """Return some of the files by chance."""
        return self.random_split(probability, seed)[0]

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[Self, Self]:
        """Return two parts by chance: each file is in the first with that probability, else in the second.

        With the same `seed` they are the same again, inside a run too.
        """
        chance, edge = random.Random(seed_or_new(seed)), probability(percentage)
        drawn = [(chance.random() < edge, path) for path in self.files.paths()]
        first, second = (self._only(path for mine, path in drawn if mine is part) for part in (True, False))
        return first, second

    def filter(self, expression: RowCondition) -> Self:
        """Return the files whose paths are like this, for example `files.filter(files["country"] == "at")`.

        Compares what `partition_format` finds in paths: text, or moments. Raises InvalidArgument for other columns.
        """
        if not isinstance(expression, RowCondition):
            raise InvalidArgument("filter: compare a column, like files['country'] == 'at'", field="filter")
        return self._only(PathValues(self.partition_format).chosen(self.files.paths(), expression.message))

    def __getitem__(self, name: str) -> Column:
        return Column(name)

    def _only(self, paths: Iterable[str]) -> Self:
        return type(self)(self.files.only(paths), partition_format=self.partition_format)


def _new_name() -> str:
    return f"input_{secrets.token_hex(4)}"
