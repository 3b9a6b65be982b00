"""Models: list, show, register, download, delete."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, Tags, find_run, open_workspace, pairs
from orris.cli.output import ago, print_fields, print_json, print_table, size

if TYPE_CHECKING:
    from orris.sdk.model import Model

app = typer.Typer(name="models", help="Registered models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="MODEL[:VERSION]", help="The model, by default its latest version.")]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="All versions of this one.")] = None,
    tag: Tags = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """List the latest versions of models, or all versions of one."""
    from orris.sdk.model import Model

    found = Model.list(open_workspace(workspace), name, tags=pairs(tag, "--tag"), latest=name is None)
    if json:
        print_json([_summary(each) for each in found])
        return
    rows = ([each.id, each.conversion.state, _framework(each), ago(each.created_time), each.run_id] for each in found)
    print_table(("MODEL", "ONNX", "FRAMEWORK", "REGISTERED", "RUN"), rows, empty="no models")


@app.command()
def show(model: Name, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show a model.

    Where it came from, what it takes, and whether it is served as ONNX.
    """
    from orris.sdk.model import Model

    found = Model(open_workspace(workspace), model)
    if json:
        print_json(_summary(found))
        return
    signature = found.message.signature
    report = found.conversion
    print_fields(
        {
            "model": found.id,
            "framework": _framework(found),
            "file": found.message.file,
            "size": size(found.message.size),
            "registered": found.created_time,
            "by": found.created_by,
            "run": found.run_id,
            "experiment": found.experiment_name,
            "description": found.description,
            "tags": found.tags,
            "properties": found.properties,
            "estimator": signature.estimator,
            "methods": list(signature.methods),
            "inputs": len(signature.inputs) or "",
            "onnx": f"{report.state}: {report.message}" if report.message else report.state,
            "compared": [
                f"{each.method}: {each.different} of {each.compared} differ"
                + (f", at most by {each.max_absolute_difference:.3g}" if each.max_absolute_difference else "")
                for each in report.parity
            ],
        }
    )


@app.command()
def register(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Local file or folder; with --run, one that it kept.")],
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Register what this run kept.")] = None,
    framework: Annotated[str, typer.Option(help="For example ScikitLearn, Onnx or Custom.")] = "ScikitLearn",
    framework_version: Annotated[str | None, typer.Option(metavar="VERSION")] = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", "-e", metavar="NAME[:VERSION]", help="What local files were trained in."),
    ] = None,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    sample: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON list of rows like those to come.")] = None,
    tag: Tags = None,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Register a model, from a run or from local files."""
    from orris.sdk.model import Model

    place = open_workspace(workspace)
    options: dict[str, Any] = {
        "model_framework": framework,
        "model_framework_version": framework_version,
        "description": description,
        "tags": pairs(tag, "--tag"),
        "sample_input": _rows(sample) if sample else None,
    }
    if run and environment:
        raise typer.BadParameter("the run's own is taken", param_hint="--environment")
    if run:
        found = find_run(place, run).register_model(name, path, **options)
    else:
        found = Model.register(place, path, name, environment=environment, **options)
    print_json(_summary(found)) if json else typer.echo(found.id)


@app.command()
def download(
    model: Name,
    into: Annotated[Path, typer.Option("--into", "-o", metavar="FOLDER", help="Where to.")] = Path("."),
    overwrite: Annotated[bool, typer.Option(help="Replace files that are there.")] = False,
    workspace: InWorkspace = None,
) -> None:
    """Save a model's files."""
    from orris.sdk.model import Model

    typer.echo(Model(open_workspace(workspace), model).download(into, exist_ok=overwrite))


@app.command()
def delete(
    model: Annotated[str, typer.Argument(metavar="MODEL:VERSION", help="The version to delete.")],
    workspace: InWorkspace = None,
) -> None:
    """Delete a version of a model."""
    from orris.sdk.model import Model

    if ":" not in model:
        raise typer.BadParameter("name the version too: MODEL:VERSION", param_hint="MODEL:VERSION")
    Model(open_workspace(workspace), model).delete()
    say(f"{model} is deleted")


def _rows(file: Path) -> Any:
    try:
        return json_module.loads(file.read_text())
    except ValueError as error:
        raise typer.BadParameter(f"{file} is no JSON: {error}", param_hint="--sample") from None


def _framework(model: Model) -> str:
    version = model.recorded_framework_version or model.model_framework_version or ""
    return f"{model.model_framework} {version}".strip()


def _summary(model: Model) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "id": model.id,
        "name": model.name,
        "version": model.version,
        "framework": model.model_framework,
        "frameworkVersion": model.model_framework_version,
        "recordedFrameworkVersion": model.recorded_framework_version,
        "description": model.description,
        "tags": model.tags,
        "properties": model.properties,
        "runId": model.run_id,
        "experimentName": model.experiment_name,
        "createdTime": model.created_time.isoformat() if model.created_time else None,
        "createdBy": model.created_by,
        "size": model.message.size,
        "conversion": asdict(model.conversion),
    }
