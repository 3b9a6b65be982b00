"""The datasets that a model is said to have to do with: kept as one of its properties, which never changes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from azureml._dataset import FileDataset, TabularDataset
    from orris.sdk.workspace import Workspace

PROPERTY = "azureml.datasets"  # what a run writes itself: `orris_agent/inside/orris/_run_models.py`


def with_datasets(properties: Mapping[str, object] | None, datasets: Iterable[Any] | None) -> dict[str, object]:
    """Return the properties of a model with its datasets: pairs of what one is to the model, and the dataset.

    Raises InvalidArgument for what is no such pair.
    """
    said: dict[str, list[dict[str, object]]] = {}
    for pair in datasets or ():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not getattr(pair[1], "id", None):
            message = f"datasets: {str(pair)[:200]} is no pair like ('training data', dataset)"
            raise InvalidArgument(message, field="datasets")
        relation, dataset = pair
        known = {"id": dataset.id, "name": dataset.name, "version": dataset.version}
        said.setdefault(str(relation), []).append({key: value for key, value in known.items() if value})
    return {**(properties or {}), **({PROPERTY: json.dumps(said)} if said else {})}


def dataset_ids(properties: Mapping[str, str]) -> set[str]:
    """Return the ids of a model's datasets."""
    return {each["id"] for several in _said(properties).values() for each in several}


def datasets_of(workspace: Workspace, properties: Mapping[str, str]) -> dict[str, list[FileDataset | TabularDataset]]:
    """Return a model's datasets, by what they are to it, as far as they are registered (still)."""
    said = _said(properties)
    found = {relation: [_found(workspace, each) for each in several] for relation, several in said.items()}
    return {relation: [each for each in several if each is not None] for relation, several in found.items()}


def _found(workspace: Workspace, known: Mapping[str, Any]) -> FileDataset | TabularDataset | None:
    from azureml._abstract_dataset import adopted
    from orris.sdk.dataset import Dataset

    try:
        if "name" in known:
            return adopted(Dataset.get(workspace, known["name"], known["version"]))
        return adopted(Dataset.get_by_id(workspace, known["id"]))
    except NotFound:
        return None


def _said(properties: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    said: dict[str, list[dict[str, Any]]] = json.loads(properties.get(PROPERTY, "{}"))
    return said
