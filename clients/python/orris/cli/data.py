"""Data: create, list, show, download, delete."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, Tags, open_workspace, pairs
from orris.cli.output import ago, print_fields, print_json, print_table, size

if TYPE_CHECKING:
    from orris.artifacts.v1.data_pb2 import Table
    from orris.sdk.data_inputs import DatasetConsumptionConfig
    from orris.sdk.dataset import Dataset
    from orris.sdk.workspace import Workspace

app = typer.Typer(name="data", help="Datasets: files that never change, by name and version.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="DATASET[:VERSION]", help="The dataset, by default its latest version.")]


class As(StrEnum):
    """How files are read as a table."""

    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    JSONL = "jsonl"


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the dataset.")],
    path: Annotated[str, typer.Argument(metavar="PATH|URL", help="File or folder, or an http or https URL.")],
    table: Annotated[As | None, typer.Option("--as", help="Read the files as a table.")] = None,
    partition_format: Annotated[
        str,
        typer.Option(metavar="FORMAT", help="What the files' paths say, like /{country}/{day:yyyy/MM/dd}/sales.csv."),
    ] = "",
    description: Annotated[str, typer.Option(help="For people.")] = "",
    tag: Tags = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Register files as a version of a dataset.

    Only what the workspace does not keep yet is sent. Unchanged files are no new version.
    """
    from orris.sdk.dataset import Dataset

    place = open_workspace(workspace)
    found = Dataset.create(
        place,
        name,
        path,
        table=_table(table, partition_format),
        partition_format="" if table else partition_format,
        description=description,
        tags=pairs(tag, "--tag"),
    )
    print_json(_summary(found)) if json else typer.echo(_label(found))


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[DATASET]", help="All versions of this one.")] = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """List the latest versions of datasets, or all versions of one."""
    from orris.sdk.dataset import Dataset

    found = Dataset.list(open_workspace(workspace), name)
    if json:
        print_json([_summary(each) for each in found])
        return
    rows = (
        [_label(each), _kind(each), each.message.file_count, size(each.message.total_size), ago(each.created_time)]
        for each in found
    )
    print_table(("DATASET", "KIND", "FILES", "SIZE", "REGISTERED"), rows, empty="no datasets")


@app.command()
def show(dataset: Name, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show a dataset: what it is, which run made it, and which runs got it."""
    found = _find(open_workspace(workspace), dataset)
    users = [each.id for each in found.runs() if each.id != found.run_id]
    if json:
        print_json(_summary(found) | {"usedBy": users})
        return
    print_fields(
        {
            "dataset": _label(found),
            "id": found.id,
            "kind": _kind(found),
            "files": found.message.file_count,
            "paths say": ", ".join(found.partition_keys),
            "size": size(found.message.total_size),
            "registered": found.created_time,
            "by": found.message.created_by,
            "made by run": found.run_id,
            "used by runs": users,
            "description": found.description,
            "tags": found.tags,
        }
    )


@app.command()
def download(
    dataset: Name,
    into: Annotated[Path, typer.Option("--into", "-o", metavar="FOLDER", help="Where to.")] = Path("."),
    overwrite: Annotated[bool, typer.Option(help="Replace files that are there.")] = False,
    workspace: InWorkspace = None,
) -> None:
    """Save a dataset's files."""
    _find(open_workspace(workspace), dataset).download(into, overwrite=overwrite)
    typer.echo(into)


@app.command()
def delete(
    dataset: Annotated[str, typer.Argument(metavar="DATASET:VERSION", help="The version to delete.")],
    workspace: InWorkspace = None,
) -> None:
    """Delete a version of a dataset. Runs that used it keep its files."""
    if ":" not in dataset:
        raise typer.BadParameter("name the version too: DATASET:VERSION", param_hint="DATASET:VERSION")
    _find(open_workspace(workspace), dataset).delete()
    say(f"{dataset} is deleted")


def inputs_from(workspace: Workspace, given: list[str] | None) -> list[DatasetConsumptionConfig]:
    """Return the inputs that `--input NAME=DATASET[:VERSION][:MODE]` asks for."""
    from orris.sdk.data_inputs import MODES, DatasetConsumptionConfig

    found = []
    for name, text in pairs(given, "--input").items():
        dataset, _, mode = text.rpartition(":")
        if mode not in MODES or not dataset:
            dataset, mode = text, ""
        chosen = _find(workspace, dataset)
        found.append(DatasetConsumptionConfig(name, chosen, mode or ("direct" if chosen.table else "mount")))
    return found


def data_text(name: str, dataset: str, tree: str) -> str:
    """Return an input or output of a run in a line: what it is called there, if anything, and what it is."""
    if dataset:
        _, _, _, registered, _, version = dataset.split("/")
        return f"{name}: {registered}:{version}" if name else f"{registered}:{version}"
    return f"{name}: {tree.rpartition('/')[2][:12]}" if tree else name


def _find(workspace: Workspace, name: str) -> Dataset:
    from orris.sdk.dataset import Dataset

    return Dataset.get(workspace, name)


def _table(kind: As | None, partition_format: str) -> Table | None:
    from orris.sdk import table_options

    if kind is None:
        return None
    if kind in (As.CSV, As.TSV):
        return table_options.delimited("\t" if kind is As.TSV else ",", partition_format=partition_format)
    read = table_options.parquet if kind is As.PARQUET else table_options.json_lines
    return read(partition_format=partition_format)


def _label(dataset: Dataset) -> str:
    return f"{dataset.name}:{dataset.version}"


def _kind(dataset: Dataset) -> str:
    return "table" if dataset.table is not None else "files"


def _summary(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "version": dataset.version,
        "id": dataset.id,
        "kind": _kind(dataset),
        "files": dataset.message.file_count,
        "partitionKeys": dataset.partition_keys,
        "size": dataset.message.total_size,
        "description": dataset.description,
        "tags": dataset.tags,
        "createdTime": dataset.created_time.isoformat() if dataset.created_time else None,
        "createdBy": dataset.message.created_by,
        "runId": dataset.run_id,
    }
