"""The command line against a fake Orris: what is printed where, and how it exits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner

from orris.cli.main import app
from orris.cli.script_options import place
from orris.cli.usage import bars
from orris.errors import PermissionDenied, Unavailable
from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]


@pytest.fixture
def orris(server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(source)
    return lambda *arguments, **more: CliRunner().invoke(app, [*arguments], **more)


@pytest.fixture(autouse=True)
def in_lab(monkeypatch: pytest.MonkeyPatch, server: FakeOrris) -> None:
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")


@pytest.fixture
def run(orris: Invoke, server: FakeOrris) -> str:
    """A run that has ended, with outputs and metrics."""
    name = f"workspaces/lab/runs/{orris('submit', '--no-wait', 'train.py').stdout.strip()}"
    while server.runs.runs[name].state != runs_pb2.Run.STATE_COMPLETED:
        pass
    server.runs.set(name, outputs=server.artifacts.keep("lab", {"outputs/m.pkl": b"m" * 2000}))
    value = runs_pb2.MetricValue(number=0.9736842)
    server.runs.points[name].append(
        runs_pb2.MetricPoint(metric="Accuracy", type=runs_pb2.MetricPoint.TYPE_SCALAR, value=value)
    )
    return name.rpartition("/")[2]


def test_submit_shows_the_output_and_nothing_else_on_stdout(orris: Invoke) -> None:
    result = orris("submit", "train.py")
    assert (result.exit_code, result.stdout) == (0, "hello\n")
    assert re.fullmatch(r"Run train_\d+_[0-9a-f]{8}\nCompleted\n", result.stderr)


def test_what_follows_the_script_is_the_scripts(orris: Invoke, server: FakeOrris) -> None:
    result = orris("submit", "--tag", "a=b", "--env", "X=y=z", "train.py", "--tag", "c=d", "--help", "-w", "--", "x")
    assert result.exit_code == 0
    (sent,) = server.runs.runs.values()
    assert list(sent.arguments)[:5] == ["--tag", "c=d", "--help", "-w", "--"]
    assert (dict(sent.tags), dict(sent.environment_variables)) == ({"a": "b"}, {"X": "y=z"})


def test_the_working_directory_is_the_source_of_a_script_in_it(
    orris: Invoke, server: FakeOrris, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "src").mkdir()
    (source / "src" / "other.py").touch()
    orris("submit", "src/other.py")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    orris("submit", str(source / "src" / "other.py"))
    orris("submit", "--source-dir", str(source), "src/other.py")
    assert [run.script for run in server.runs.runs.values()] == ["src/other.py", "other.py", "src/other.py"]


def test_a_home_or_a_whole_disk_is_never_uploaded_by_accident(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(source.parent))
    for folder in (source.parent, Path("/")):
        monkeypatch.chdir(folder)
        assert place(str(source / "train.py"), None) == (source, "train.py")


def test_environments_can_be_described_in_place(orris: Invoke, server: FakeOrris, source: Path) -> None:
    (source / "conda.yml").write_text("dependencies: [python=3.6.2]\n")
    (source / "requirements.txt").write_text("scikit-learn\n")
    assert orris("submit", "-x", "iris", "--conda", "conda.yml", "train.py").exit_code == 0
    assert orris("submit", "-x", "iris", "-r", "requirements.txt", "--python", "3.10", "train.py").exit_code == 0
    assert orris("submit", "-x", "iris", "-p", "numpy", "-p", "pandas", "train.py").exit_code == 0
    assert orris("submit", "-x", "iris", "--python", "/opt/python", "train.py").exit_code == 0
    specs = [each.spec for each in server.images.environments["workspaces/lab/environments/iris"]]
    assert [spec.WhichOneof("source") for spec in specs] == ["conda_yaml", "requirements", "packages", "user_managed"]
    assert specs[1].python_version == "3.10"


def test_an_interpreter_is_found_from_where_the_command_was_given(
    orris: Invoke, server: FakeOrris, source: Path
) -> None:
    (source / "venv").mkdir()
    (source / "venv" / "python").symlink_to("/opt/python")
    for python in ("./venv/python", "python"):
        assert orris("submit", "-x", "iris", "--python", python, "train.py").exit_code == 0
    specs = [each.spec for each in server.images.environments["workspaces/lab/environments/iris"]]
    assert [spec.user_managed.interpreter for spec in specs] == [str(source / "venv" / "python"), "python"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit"],
        ["submit", "none.py"],
        ["submit", "--tag", "novalue", "train.py"],
        ["submit", "--conda", "a", "-p", "b", "train.py"],
        ["submit", "-e", "x", "-p", "b", "train.py"],
        ["submit", "--time-limit", "-1", "train.py"],
        ["models", "delete", "iris"],
        ["predict", "svc"],
        ["runs", "list", "--status", "Sleeping"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_with_2(orris: Invoke, arguments: list[str]) -> None:
    result = orris(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_failed_run_exits_with_1_and_says_why(orris: Invoke, server: FakeOrris) -> None:
    error = runs_pb2.RunError(message="the program ended with exit code 3")

    def work(name: str) -> None:
        server.runs.write(name, b"Traceback ...\nValueError: bad")
        server.runs.end(name, runs_pb2.Run.STATE_FAILED, error=error)

    server.runs.script = work
    result = orris("submit", "train.py")
    assert (result.exit_code, result.stdout) == (1, "Traceback ...\nValueError: bad\n")
    assert result.stderr.endswith("Failed: the program ended with exit code 3\n")


def test_submit_as_json_prints_only_json_on_stdout(orris: Invoke) -> None:
    result = orris("submit", "--json", "train.py")
    assert json.loads(result.stdout)["status"] == "Completed"
    assert "hello\n" in result.stderr


@pytest.mark.parametrize(("error", "code"), [(PermissionDenied("not yours"), 4), (Unavailable("down for long"), 5)])
def test_each_kind_of_failure_has_its_exit_code_and_one_line(
    orris: Invoke, server: FakeOrris, run: str, error: Any, code: int
) -> None:
    server.fail_next("GetRun", error, times=10)
    result = orris("runs", "show", run)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"orris: {error.message}\n")


@pytest.mark.parametrize("group", [[], ["runs"], ["environments"], ["models"], ["endpoints"], ["agents"]])
def test_every_command_says_in_one_line_what_it_does(orris: Invoke, group: list[str]) -> None:
    _, _, commands = orris(*group, "--help", terminal_width=80).stdout.partition("Commands:\n")
    assert commands
    assert "..." not in commands


def test_what_is_not_there_exits_with_3(orris: Invoke) -> None:
    for arguments in (["runs", "show", "none"], ["models", "show", "none"], ["endpoints", "show", "none"]):
        assert orris(*arguments).exit_code == 3


def test_without_instance_the_remedy_is_named(orris: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORRIS_ADDRESS")
    result = orris("runs", "list")
    assert result.exit_code == 5
    assert result.stderr == "orris: no Orris is running here: start one with `orris up`, or set ORRIS_ADDRESS\n"


def test_debug_shows_where_an_error_came_from(orris: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_DEBUG", "1")
    assert type(orris("runs", "show", "none").exception).__name__ == "NotFound"


def test_a_run_is_listed_shown_and_read(orris: Invoke, run: str) -> None:
    assert orris("runs", "list").stdout.splitlines()[1].startswith(f"{run}  Completed")
    assert "metrics" in orris("runs", "show", "latest").stdout
    assert orris("runs", "logs", run).stdout == orris("runs", "logs", "-f", run).stdout == "hello\n"
    assert orris("runs", "metrics", run).stdout == "METRIC    VALUE\nAccuracy  0.973684\n"
    assert orris("runs", "files", run).stdout.splitlines()[1] == "outputs/m.pkl          2.0 kB"
    assert "Completed" in orris("runs", "cancel", run).stderr


def test_times_of_a_run_are_all_in_local_time(orris: Invoke, server: FakeOrris, run: str) -> None:
    server.runs.set(
        f"workspaces/lab/runs/{run}", start_time=Timestamp(seconds=10**9), end_time=Timestamp(seconds=10**9)
    )
    moment = datetime.fromtimestamp(10**9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    shown = orris("runs", "show", run).stdout
    assert [f"{name}{' ' * (13 - len(name))}{moment}" in shown for name in ("started", "ended")] == [True, True]


def test_a_loud_warning_is_not_announced_as_one_again(orris: Invoke, server: FakeOrris) -> None:
    def work(name: str) -> None:
        server.runs.set(name, warnings=["WARNING: another Python IS USED", "a file is not kept"])
        server.runs.end(name)

    server.runs.script = work
    lines = orris("submit", "train.py").stderr.splitlines()
    assert lines[1:3] == ["WARNING: another Python IS USED", "warning: a file is not kept"]


def test_files_are_saved_where_one_says(orris: Invoke, run: str, tmp_path: Path) -> None:
    result = orris("runs", "download", run, "outputs", "--into", str(tmp_path / "to"))
    assert Path(result.stdout.strip()).stat().st_size == 2000
    assert orris("runs", "download", run, "none").exit_code == 3


def test_every_read_command_speaks_json(orris: Invoke, run: str) -> None:
    orris("models", "register", "iris", "outputs/m.pkl", "--run", run)
    orris("deploy", "iris", "--name", "iris-svc")
    for arguments in (
        ["runs", "list"],
        ["runs", "show", run],
        ["runs", "metrics", run],
        ["runs", "files", run],
        ["environments", "list"],
        ["environments", "show", "orris-sklearn"],
        ["models", "list"],
        ["models", "show", "iris"],
        ["endpoints", "list"],
        ["endpoints", "show", "iris-svc"],
        ["endpoints", "keys", "iris-svc"],
        ["agents", "list"],
    ):
        result = orris(*arguments, "--json")
        assert result.exit_code == 0, (arguments, result.output)
        assert json.loads(result.stdout), arguments


def test_from_model_to_answer(orris: Invoke, run: str, tmp_path: Path) -> None:
    assert orris("models", "register", "iris", "outputs/m.pkl", "--run", run).stdout == "iris:1\n"
    assert orris("models", "download", "iris", "-o", str(tmp_path / "m")).exit_code == 0
    deployed = orris("deploy", "iris:1", "--name", "iris-svc")
    assert deployed.exit_code == 0
    assert deployed.stdout.startswith("http://127.0.0.1:")
    assert orris("predict", "iris-svc", "--data", "[[1, 2]]").stdout == "[3]\n"
    assert orris("predict", "iris-svc", "-", input='{"data": [[4]]}', catch_exceptions=False).stdout == "[4]\n"
    assert orris("predict", "iris-svc", "--data", "3").exit_code == 1
    assert orris("endpoints", "logs", "iris-svc").stdout == "serving\n"
    assert orris("endpoints", "keys", "iris-svc", "--regenerate", "primary").stdout.startswith("primary    key-1-new")
    assert orris("deploy", "iris", "--name", "iris-svc").exit_code == 1
    assert orris("endpoints", "delete", "iris-svc").exit_code == 0
    assert orris("models", "delete", "iris:1").exit_code == 0


def test_a_scoring_script_is_deployed_and_asked(orris: Invoke, server: FakeOrris, run: str, tmp_path: Path) -> None:
    orris("models", "register", "iris", "outputs/m.pkl", "--run", run)
    folder = tmp_path / "scoring"
    folder.mkdir()
    (folder / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    options = ["--source", str(folder), "-e", "orris-sklearn", "--env", "A=b", "--cpus", "0.5", "--memory", "1GiB"]
    for name, script in (("one", "score.py"), ("two", str(folder / "score.py"))):
        deployed = orris("deploy", "iris", "--name", f"{name}-svc", "--code", script, *options, "--json")
        shown = json.loads(deployed.stdout)
        assert (shown["entryScript"], shown["modelIds"]) == ("scoring/score.py", ["iris:1"])
    assert orris("deploy", "--name", "none-svc", "--code", str(folder / "score.py")).exit_code == 0
    code = next(each for name, each in server.endpoints.endpoints.items() if name.endswith("/one-svc")).code
    assert dict(code.environment_variables) == {"A": "b"}
    assert orris("predict", "one-svc", "--data", '{"data": [[1, 2]], "other": 1}').stdout == "[3]\n"
    assert orris("predict", "one-svc", "--data", "1", "--method", "predict").exit_code == 2
    described = orris("endpoints", "show", "one-svc").stdout
    assert "scoring/score.py" in described
    assert "0.5 CPUs, 1 GiB of memory" in described
    assert "scoring" not in orris("endpoints", "list").stderr


def test_what_no_deployment_is_says_so(orris: Invoke, run: str) -> None:
    assert orris("deploy", "--name", "iris-svc").exit_code != 0
    for option in (["--source", "."], ["-e", "own"], ["--env", "a=b"]):
        refused = orris("deploy", "iris", "--name", "iris-svc", *option)
        assert (refused.exit_code, "--code" in refused.stderr) == (2, True)
    assert orris("deploy", "--name", "iris-svc", "--code", "none.py").exit_code == 2


def test_environments_are_made_and_built(orris: Invoke, server: FakeOrris) -> None:
    assert orris("environments", "create", "own", "-p", "numpy").stdout == "own:1\n"
    assert orris("environments", "build", "own").stdout == "resolving\ninstalling\n"
    assert "scikit-learn==1.5.2" in orris("environments", "show", "own").stdout
    server.images.build_error = "no such package"
    assert orris("environments", "build", "own").exit_code == 1
    assert orris("environments", "create", "own").exit_code == 2


def test_init_makes_the_workspace_and_scripts_find_it(
    orris: Invoke, server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert orris("init", "mine").exit_code == 0
    assert orris("init", "mine").exit_code == 0
    monkeypatch.delenv("ORRIS_WORKSPACE")
    orris("submit", "train.py")
    assert next(iter(server.runs.runs)).startswith("workspaces/mine/")


def test_status_shows_the_orris_that_the_environment_names(orris: Invoke, server: FakeOrris) -> None:
    assert json.loads(orris("status", "--json").stdout) == {"address": server.address, "workspaces": ["lab"]}


def test_a_token_is_shown_or_made(orris: Invoke, server: FakeOrris) -> None:
    assert orris("token", "--role", "reader", "--days", "7").stdout == "reader-of-workspaces/lab\n"


@pytest.mark.parametrize("width", [60, 120])
def test_tables_fit_the_terminal(orris: Invoke, server: FakeOrris, run: str, width: int) -> None:
    server.runs.set(f"workspaces/lab/runs/{run}", state_reason="because " * 20)
    for arguments in (["runs", "list"], ["runs", "show", run], ["runs", "files", run], ["agents", "list"]):
        lines = orris(*arguments, env={"COLUMNS": str(width)}).stdout.splitlines()
        # A property or digest is never broken: it is there to be copied.
        assert max(len(line) for line in lines if "=" not in line) <= width, arguments
    assert ("because" in orris("runs", "list", env={"COLUMNS": str(width)}).stdout) is (width == 120)


def test_what_a_run_used_is_shown_in_totals_and_bars(orris: Invoke, server: FakeOrris, run: str) -> None:
    name = f"workspaces/lab/runs/{run}"
    assert "none: it ended before" in orris("runs", "usage", run).stdout
    assert "used" not in orris("runs", "show", run).stdout
    samples = [
        runs_pb2.UsageSample(time=Timestamp(seconds=1 + at), cpu_seconds=at, memory_bytes=at * 2**30, cpus=at / 4)
        for at in range(8)
    ]
    server.runs.samples[name] = samples
    server.runs.set(name, usage=runs_pb2.RunUsage(cpu_seconds=90, max_memory_bytes=9 * 2**30))
    shown = orris("runs", "usage", run).stdout
    assert "▁▂▃▄▅▆▇█" in shown
    assert "1.75 at most" in shown
    assert "7 GiB at most" in shown
    assert "1 min 30 s of processors, 9 GiB of memory at most" in shown
    assert "9 GiB of memory" in orris("runs", "show", run).stdout
    assert json.loads(orris("runs", "show", "--json", run).stdout)["usage"] == {
        "cpuSeconds": 90,
        "maxMemoryBytes": 9 * 2**30,
    }
    last = json.loads(orris("runs", "usage", "--json", run).stdout)[-1]
    assert (last["cpus"], last["memory_bytes"], last["cpu_seconds"]) == (1.75, 7 * 2**30, 7.0)


def test_bars_show_the_most_of_what_they_stand_for() -> None:
    assert bars([0, 0, 7, 0], 2) == "▁█"
    assert bars([0.0] * 500, 60) == "▁" * 60
    assert bars([], 60) == ""
