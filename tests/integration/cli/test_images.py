"""`orris environments build`, `orris builds` and `orris images` against a fake Orris."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from orris.cli.building import table
from orris.cli.main import app
from orris.images.v1 import images_pb2
from orris.runs.v1 import runs_pb2
from orris.sdk import build_following
from orris.sdk.build import Build
from orris.sdk.workspace import Workspace
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]
Spec = images_pb2.EnvironmentSpec


@pytest.fixture
def orris(server: FakeOrris, lab: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **more: CliRunner().invoke(app, [*arguments, "-w", "lab"], **more)


@pytest.fixture
def image(orris: Invoke) -> str:
    orris("environments", "create", "own", "-p", "numpy")
    assert orris("environments", "build", "own").exit_code == 0
    return "image-of-b1"


def test_a_conda_file_is_built_under_its_own_name(orris: Invoke, server: FakeOrris) -> None:
    Path("environment.yml").write_text("name: 'my env' # mine\ndependencies: [numpy]\n")
    Path("requirements.txt").write_text("numpy\n")
    assert orris("environments", "build", "environment.yml").stdout == "resolving\ninstalling\n"
    assert orris("environments", "build", "requirements.txt").exit_code == 0
    made = [build.environment for build in server.images.builds.values()]
    names = [f"workspaces/lab/environments/{name}/versions/1" for name in ("my-env", "requirements")]
    assert made == names


def test_json_leaves_the_log_to_people(orris: Invoke, image: str) -> None:
    result = orris("environments", "build", "own", "--json")
    assert (json.loads(result.stdout)["status"], json.loads(result.stdout)["image"]) == ("Succeeded", "image-of-b2")
    assert "resolving" in result.stderr
    assert json.loads(orris("environments", "build", "own", "--no-follow", "--json").stdout)["status"] == "Queued"


def test_a_failure_ends_with_the_reason(orris: Invoke, server: FakeOrris) -> None:
    orris("environments", "create", "own", "-p", "numpy")
    server.images.build_error = "six==99 does not exist"
    result = orris("environments", "build", "own")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "Failed: six==99 does not exist"


def test_ctrl_c_leaves_the_build_going(
    orris: Invoke, server: FakeOrris, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    server.images.may_finish.clear()
    monkeypatch.setattr(build_following, "sleep", interrupted)
    result = orris("environments", "build", "own")
    assert result.exit_code == 130
    assert "build b2 goes on: follow it with `orris builds logs -f b2`" in result.stderr
    assert "`orris builds cancel b2`" in result.stderr
    assert server.images.builds["workspaces/lab/builds/b2"].state == images_pb2.Build.STATE_QUEUED


def test_all_that_come_with_orris_are_built_as_far_as_possible(orris: Invoke, server: FakeOrris) -> None:
    for name, strict in (("orris-sklearn", False), ("AzureML-Tutorial", True), ("own", False)):
        resource, curated = f"workspaces/lab/environments/{name}", name != "own"
        spec = Spec(packages=Spec.Packages(pip_packages=["numpy"]), strict=strict)
        made = images_pb2.Environment(name=f"{resource}/versions/1", spec=spec, curated=curated)
        server.images.environments[resource] = [made]
    result = orris("environments", "build", "--curated", "--json")
    assert result.exit_code == 0
    assert "AzureML-Tutorial: not possible here: Python 3.8 is not on this machine" in result.stderr
    found = {name: each["status"] for name, each in json.loads(result.stdout).items()}
    conversion = "orris-sklearn, conversion of its models"
    assert found == {"orris-sklearn": "Succeeded", conversion: "Succeeded", "AzureML-Tutorial": "NotPossible"}
    assert orris("environments", "build", "own", "--curated").exit_code == 2
    assert orris("environments", "build").exit_code == 2


def test_a_conversion_that_cannot_be_prepared_is_told_and_fails_nothing(orris: Invoke, server: FakeOrris) -> None:
    """Models of that environment are served as they are."""
    server.images.find("workspaces/lab/environments/orris-sklearn")
    server.images.overlay_error = "no versions of skl2onnx satisfy this"
    result = orris("environments", "build", "--curated")
    assert result.exit_code == 0
    assert "orris-sklearn, conversion of its models: Failed: no versions of skl2onnx satisfy this" in result.stderr
    server.images.build_error = "no index answers"
    assert orris("environments", "build", "--curated").exit_code == 1


def test_builds_are_listed_shown_and_canceled(orris: Invoke, server: FakeOrris, image: str) -> None:
    server.images.may_finish.clear()
    assert orris("environments", "build", "own", "--no-follow").stdout == "b2\n"
    server.images.builds["workspaces/lab/builds/b2"].MergeFrom(
        images_pb2.Build(state=images_pb2.Build.STATE_PUSHING, progress_percent=80, progress="pushing layer 2 of 6")
    )
    titles, newest, first = orris("builds", "list").stdout.splitlines()
    assert titles.split() == ["BUILD", "STATUS", "CREATED", "OF", "REASON"]
    assert newest.split() == ["b2", "Pushing", "80", "%", "own:1", "pushing", "layer", "2", "of", "6"]
    assert first.split()[:2] == ["b1", "Succeeded"]
    assert "pushing layer 2 of 6" in orris("builds", "show", "b2").stdout
    assert json.loads(orris("builds", "show", "b2", "--json").stdout)["progressPercent"] == 80
    assert orris("builds", "logs", "b1").stdout == "resolving\ninstalling\n"
    assert orris("builds", "logs", "-f", "b1").stdout == "resolving\ninstalling\n"
    assert orris("builds", "cancel", "b2").stderr == "b2: Canceled\n"
    assert orris("builds", "logs", "-f", "b2").exit_code == 1
    assert orris("builds", "show", "b9").exit_code == 3


def test_images_are_listed_with_who_uses_them(orris: Invoke, image: str) -> None:
    titles, line = orris("images", "list").stdout.splitlines()
    assert titles.split() == ["IMAGE", "SIZE", "MADE", "USED", "USED", "BY", "REFERENCE"]
    users = ["own:1,", "iris:3"]
    assert line.split() == ["image-of-b1", "250.0", "MB", *users, f"registry.lab:5000/orris@sha256:{'a' * 64}"]
    assert json.loads(orris("images", "list", "--json").stdout)[0]["users"] == ["own:1", "iris:3"]
    shown = orris("images", "show", "image-of").stdout
    assert "scikit-learn==1.5.2" in shown
    assert json.loads(orris("images", "show", image, "--json").stdout)["packages"] == {"scikit-learn": "1.5.2"}


def test_an_image_is_named_by_how_its_id_begins(orris: Invoke, image: str) -> None:
    orris("environments", "build", "own")
    assert orris("images", "show", "image-of-b2").exit_code == 0
    assert orris("images", "show", "image-of").exit_code == 2
    assert orris("images", "show", "ima").exit_code == 3
    assert orris("images", "show", "other").exit_code == 3


def test_an_image_that_a_run_uses_is_not_deleted(orris: Invoke, server: FakeOrris, image: str) -> None:
    running = runs_pb2.Run(
        name="workspaces/lab/runs/r1",
        image="workspaces/lab/images/image-of-b1",
        state=runs_pb2.Run.STATE_RUNNING,
        kind=runs_pb2.RUN_KIND_REPLICA,
    )
    server.runs.runs[running.name] = running
    result = orris("images", "delete", image)
    assert result.exit_code == 1
    assert "r1 uses image image-of-b1 now" in result.stderr
    del server.runs.runs[running.name]
    assert orris("images", "delete", image).stderr == "image-of-b1: deleted\n"
    assert orris("images", "list").stderr == "no images\n"


def test_images_are_collected(orris: Invoke, image: str) -> None:
    assert orris("images", "gc", "--dry-run").stderr == "1 image of 250.0 MB would be collected\n"
    assert orris("images", "gc", "--unused", "1h").exit_code == 2
    assert orris("images", "gc", "--unused", "soon").exit_code == 2
    result = orris("images", "gc", "--unused", "7d")
    assert (result.stdout, result.stderr) == ("image-of-b1  250.0 MB\n", "1 image of 250.0 MB collected\n")
    assert orris("images", "gc").stderr == "nothing to collect\n"


@pytest.mark.parametrize("width", [24, 60, 200])
def test_the_live_line_fits_the_window(lab: Workspace, width: int) -> None:
    message = images_pb2.Build(
        state=images_pb2.Build.STATE_BUILDING, progress_percent=42, progress="downloading scipy, 12 of 34 packages"
    )
    console = Console(width=width, soft_wrap=True, force_terminal=True, color_system=None)
    with console.capture() as written:
        console.print(table({"": Build(lab, message)}), soft_wrap=True)
    (line,) = written.get().splitlines()
    assert len(line) <= width
    assert line.startswith("Building  42 % ")
    assert line.rstrip().endswith("…" if width < 60 else "34 packages")
