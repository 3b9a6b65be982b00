"""Submitting and following runs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orris import Environment, Experiment, Run, RunFailed, ScriptRunConfig, StillRunning, SweepConfig, Workspace
from orris.errors import FailedPrecondition, NotFound, Unavailable
from orris.images.v1 import images_pb2
from orris.runs.v1 import runs_pb2
from orris.sdk import streams
from orris.sdk.sweep_space import choice
from tests.fakes.services.server import FakeOrris

TEXT = b"epoch 1\nepoch 2: \xc3\xa9\xe2\x82\xac\nepoch 3\n" * 5


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAUSES", (0.01,))


def submit(lab: Workspace, source: Path, **changes: Any) -> Run:
    return Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py", **changes), tags={"k": "v"})


def hold(server: FakeOrris) -> None:
    """Let new runs do nothing by themselves."""
    server.runs.script = lambda name: None


def test_a_submission_uploads_the_source_and_says_all(server: FakeOrris, lab: Workspace, source: Path) -> None:
    (source / ".amlignore").write_text("*.csv\n")
    (source / "data.csv").write_text("1")
    run = submit(lab, source, arguments=["--n", 1], environment_variables={"A": 1}, max_run_duration_seconds=1.5)
    sent = server.runs.runs[run.resource_name]
    assert set(server.artifacts.content(sent.snapshot)) >= {"train.py"}
    assert "data.csv" not in server.artifacts.content(sent.snapshot)
    assert (list(sent.arguments), dict(sent.environment_variables), dict(sent.tags)) == (
        ["--n", "1"], {"A": "1"}, {"k": "v"},
    )  # fmt: skip
    assert sent.time_limit.ToNanoseconds() == 1_500_000_000
    assert sent.environment == "workspaces/lab/environments/orris-sklearn"


def test_an_interactive_run_keeps_what_submitting_would(server: FakeOrris, lab: Workspace, source: Path) -> None:
    (source / ".amlignore").write_text("*.csv\n")
    (source / "data.csv").write_text("1")
    run = Experiment(lab, "iris").start_logging(outputs=None, snapshot_directory=source)
    kept = server.artifacts.content(server.runs.runs[run.resource_name].snapshot)
    assert ("train.py" in kept, "data.csv" in kept) == (True, False)


def test_an_answer_that_was_lost_makes_no_second_run(server: FakeOrris, lab: Workspace, source: Path) -> None:
    server.fail_next("CreateRun", Unavailable("lost"))
    submit(lab, source)
    first, second = server.called("CreateRun")
    assert first.request.request_id == second.request.request_id != ""
    assert len(server.runs.runs) == 1


def test_a_folder_that_stays_the_same_is_asked_for_once(server: FakeOrris, lab: Workspace, source: Path) -> None:
    first = submit(lab, source)
    server.calls.clear()
    second = submit(lab, source)
    assert [call.method for call in server.calls] == ["CreateRun"]
    assert second.message.snapshot == first.message.snapshot


def _another(lab: Workspace, source: Path) -> None:
    submit(lab, source)


def _sweep(lab: Workspace, source: Path) -> None:
    config = SweepConfig(ScriptRunConfig(source, "train.py"), {"n": choice(1, 2)}, "loss")
    Experiment(lab, "iris").sweep(config)


@pytest.mark.parametrize("begin", [_another, _sweep])
def test_a_snapshot_that_is_gone_since_is_uploaded_again(
    server: FakeOrris, lab: Workspace, source: Path, begin: Callable[[Workspace, Path], None]
) -> None:
    """As when the store was put back to what it was before."""
    submit(lab, source)
    server.artifacts.trees.clear()
    server.artifacts.blobs.clear()
    server.calls.clear()
    begin(lab, source)
    (tree,) = server.artifacts.trees
    assert set(server.artifacts.content(tree)) == {"train.py"}
    refused, made = [call for call in server.calls if call.method in ("CreateRun", "CreateSweep")]
    assert refused.request.request_id == made.request.request_id, (
        "it makes no second run, whatever became of the first request"
    )


def test_what_else_is_not_there_is_told(server: FakeOrris, lab: Workspace, source: Path) -> None:
    server.fail_next("CreateRun", NotFound("a dataset's tree", reason="TREE_NOT_FOUND"), times=2)
    with pytest.raises(NotFound, match="a dataset's tree"):
        submit(lab, source)


@pytest.mark.parametrize("show_output", [True, False])
def test_who_waits_knows_the_logs_at_the_end(
    server: FakeOrris, lab: Workspace, source: Path, show_output: bool
) -> None:
    run = submit(lab, source)
    details = run.wait_for_completion(show_output=show_output)
    assert [*details["logFiles"]] == ["user_logs/std_log.txt"] == run.get_file_names()
    assert not server.called("ListRunLogs")


def test_who_sees_an_end_without_logs_asks_for_them(server: FakeOrris, lab: Workspace, source: Path) -> None:
    """As of a service from before they were told."""
    server.runs.script = server.runs.end
    run = submit(lab, source)
    assert run.wait_for_completion()["logFiles"] == {}
    assert len(server.called("ListRunLogs")) == 1


def test_an_environment_is_registered_once_as_long_as_it_stays_the_same(
    server: FakeOrris, lab: Workspace, source: Path
) -> None:
    environment = Environment("own", pip_packages=["scikit-learn"])
    assert submit(lab, source, environment=environment).message.environment.endswith("/own/versions/1")
    submit(lab, source, environment=environment)
    assert len(server.called("CreateEnvironment")) == 1
    environment.pip_packages.append("pandas")
    assert submit(lab, source, environment=environment).message.environment.endswith("/own/versions/2")


def test_an_unknown_environment_is_not_found(lab: Workspace, source: Path, server: FakeOrris) -> None:
    with pytest.raises(NotFound):
        submit(lab, source, environment="none")


def test_output_is_printed_as_azure_does(
    server: FakeOrris, lab: Workspace, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(lab, source)
    details = run.wait_for_completion(show_output=True)
    head = f"RunId: {run.id}\nWeb View: orris runs show {run.id}\n"
    assert capsys.readouterr().out == (
        f"{head}\nStreaming user_logs/std_log.txt\n===============================\n\nhello\n"
        f"\nExecution Summary\n=================\n{head}\n"
    )
    assert (details["runId"], details["status"], details["target"]) == (run.id, "Completed", "local")


def test_the_log_arrives_while_the_run_goes_on(server: FakeOrris, lab: Workspace, source: Path) -> None:
    hold(server)
    run = submit(lab, source)
    server.runs.write(run.resource_name, b"first")
    assert next(run.follow_log()) == b"first"
    assert run.get_status() == "Queued"


def test_a_log_over_broken_streams_is_whole(
    server: FakeOrris, lab: Workspace, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(server)
    run = submit(lab, source)
    for after in (0, 1, 3):
        server.fail_next("ReadRunLog", Unavailable("restarting"), after=after)
        server.cut_next("ReadRunLog", after=after)
        server.fail_next("WatchRun", Unavailable("restarting"), after=0)

    def work() -> None:
        for start in range(0, len(TEXT), 7):
            server.runs.write(run.resource_name, TEXT[start : start + 7])
            time.sleep(0.002)
        server.runs.end(run.resource_name)

    threading.Thread(target=work).start()
    run.wait_for_completion(show_output=True)
    assert TEXT.decode() in capsys.readouterr().out
    assert len(server.called("ReadRunLog")) >= 6
    assert run.get_logs() == TEXT.decode()


def test_the_builds_log_comes_first(
    server: FakeOrris, lab: Workspace, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = images_pb2.Build(
        name="workspaces/lab/builds/b", environment="workspaces/lab/environments/orris-sklearn/versions/1"
    )
    server.images.builds[build.name] = build

    def work(name: str) -> None:
        server.runs.set(name, state=runs_pb2.Run.STATE_PREPARING, build=build.name)
        while build.state != images_pb2.Build.STATE_SUCCEEDED:
            time.sleep(0.01)
        server.runs.write(name, b"hello\n")
        server.runs.end(name)

    server.runs.script = work
    run = submit(lab, source)
    details = run.wait_for_completion(show_output=True)
    printed = capsys.readouterr().out
    assert printed.index("resolving\ninstalling\n") < printed.index("hello\n")
    assert "Streaming azureml-logs/20_image_build_log.txt\n" in printed
    assert run.get_file_names() == ["azureml-logs/20_image_build_log.txt", "user_logs/std_log.txt"]
    assert run.get_logs("azureml-logs/20_image_build_log.txt") == "resolving\ninstalling\n"
    assert [*details["logFiles"]] == run.get_file_names()


def test_the_builds_log_is_saved_once(server: FakeOrris, lab: Workspace, source: Path, tmp_path: Path) -> None:
    build = images_pb2.Build(name="workspaces/lab/builds/b")
    server.images.builds[build.name] = build

    def work(name: str) -> None:
        server.runs.write(name, b"hello\n")
        server.runs.end(name, build=build.name)

    server.runs.script = work
    run = submit(lab, source)
    run.wait_for_completion()
    saved = run.download_files("azureml-logs", tmp_path / "logs")
    assert saved == [str(tmp_path / "logs" / "azureml-logs" / "20_image_build_log.txt")]
    assert Path(saved[0]).read_text() == "resolving\ninstalling\n"


def test_a_failed_build_is_shown_to_its_end(
    server: FakeOrris, lab: Workspace, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = images_pb2.Build(name="workspaces/lab/builds/b")
    server.images.builds[build.name] = build
    server.images.may_finish.clear()
    server.images.log, server.images.build_error = b"resolving\n" * 50 + b"no such package\n", "no such package"
    server.runs.script = lambda name: server.runs.end(name, runs_pb2.Run.STATE_FAILED, build=build.name)
    run = submit(lab, source)
    threading.Timer(0.2, server.images.may_finish.set).start()
    run.wait_for_completion(show_output=True, raise_on_error=False)
    assert server.images.log.decode() in capsys.readouterr().out


def test_canceling_does_not_wait_for_a_build_that_others_need(
    server: FakeOrris, lab: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orris.sdk.follow.REST_SECONDS", 600.0)
    build = images_pb2.Build(name="workspaces/lab/builds/b")
    server.images.builds[build.name] = build
    server.images.may_finish.clear()
    server.runs.script = lambda name: server.runs.set(name, build=build.name)
    run = submit(lab, source)
    threading.Timer(0.2, run.cancel).start()
    finish = threading.Timer(60, server.images.may_finish.set)  # only who waits for the build sees it finish
    finish.start()
    try:
        assert run.wait_for_completion(show_output=True)["status"] == "Canceled"
        assert not server.images.may_finish.is_set()
    finally:
        finish.cancel()


def test_a_run_that_waits_long_says_for_what(
    server: FakeOrris, lab: Workspace, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orris.sdk.follow.QUIET_SECONDS", 0.05)
    hold(server)
    run = submit(lab, source)
    server.runs.set(run.resource_name, state_reason="both places are taken")
    threading.Timer(0.4, server.runs.end, [run.resource_name]).start()
    run.wait_for_completion(show_output=True)
    assert capsys.readouterr().out.count("Queued: both places are taken\n") == 1


def test_a_failed_run_raises_with_the_end_of_its_traceback(server: FakeOrris, lab: Workspace, source: Path) -> None:
    error = runs_pb2.RunError(
        code=runs_pb2.RunError.CODE_USER_PROGRAM, message="exit code 1", details="ValueError: bad"
    )
    server.runs.script = lambda name: server.runs.end(name, runs_pb2.Run.STATE_FAILED, error=error)
    run = submit(lab, source)
    with pytest.raises(RunFailed, match="ValueError: bad") as caught:
        run.wait_for_completion(show_output=True)
    assert caught.value.details["error"]["error"]["code"] == "UserError"
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_ctrl_c_leaves_the_run_alone_and_says_so(server: FakeOrris, lab: Workspace, source: Path) -> None:
    hold(server)
    run = submit(lab, source)
    threading.Timer(0.3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
    with pytest.raises(StillRunning, match=f"orris runs logs -f {run.id}"):
        run.wait_for_completion(show_output=True)
    assert run.get_status() == "Queued"


def test_canceling_ends_waiting_without_an_error(server: FakeOrris, lab: Workspace, source: Path) -> None:
    hold(server)
    run = submit(lab, source)
    threading.Timer(0.1, run.cancel).start()
    assert run.wait_for_completion()["status"] == "Canceled"


def test_lists_are_complete_newest_first_and_filtered(server: FakeOrris, lab: Workspace, source: Path) -> None:
    runs = [submit(lab, source) for _ in range(5)]
    for run in runs:
        run.wait_for_completion()
    runs[2].tag("best", "yes")
    ids = [run.id for run in runs]
    assert [run.id for run in Experiment(lab, "iris").get_runs()] == ids[::-1]
    assert [run.id for run in lab.runs(limit=3)] == ids[:1:-1]
    assert [run.id for run in Experiment(lab, "iris").get_runs(tags="best")] == [ids[2]]
    assert [*Experiment(lab, "iris").get_runs(status="Failed")] == []
    assert [*lab.experiments] == ["iris"]


def test_tags_change_and_properties_do_not(server: FakeOrris, lab: Workspace, source: Path) -> None:
    run = submit(lab, source)
    run.tag("a", 1)
    run.set_tags({"b": None})
    run.remove_tags(["k"])
    assert run.get_tags() == {"a": "1", "b": ""}
    run.add_properties({"p": "1"})
    with pytest.raises(FailedPrecondition):
        run.add_properties({"p": "2"})


def test_files_are_saved(server: FakeOrris, lab: Workspace, source: Path, tmp_path: Path) -> None:
    run = submit(lab, source)
    run.wait_for_completion()
    kept = server.artifacts.keep("lab", {"outputs/model.pkl": b"m" * 10, "outputs/deep/a.txt": b"a"})
    server.runs.set(run.resource_name, outputs=kept)
    assert run.get_file_names() == ["outputs/deep/a.txt", "outputs/model.pkl", "user_logs/std_log.txt"]
    assert Path(run.download_file("outputs/model.pkl", tmp_path / "new" / "m.pkl")).read_bytes() == b"m" * 10
    assert Path(run.download_file("azureml-logs/70_driver_log.txt", tmp_path / "log")).read_text() == "hello\n"
    run.download_files("outputs", tmp_path / "all", append_prefix=False)
    assert (tmp_path / "all" / "deep" / "a.txt").read_bytes() == b"a"
    assert len(run.download_files(output_directory=tmp_path / "every")) == 3
    with pytest.raises(NotFound, match=r"outputs/model\.pkl"):
        run.download_file("model.pkl", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_a_run_does_not_have_is_no_empty_file_while_it_goes_on(
    server: FakeOrris, lab: Workspace, source: Path, tmp_path: Path
) -> None:
    hold(server)
    run = submit(lab, source)
    for name in ("nix", "user_logs/std_log.txt"):
        with pytest.raises(NotFound, match=f"has no file {name}; it has: none; what it keeps appears when"):
            run.download_file(name, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    server.runs.write(run.resource_name, b"")
    assert Path(run.download_file("user_logs/std_log.txt", tmp_path / "empty")).read_bytes() == b""


def test_a_log_that_does_not_exist_is_not_taken_for_an_empty_one(
    server: FakeOrris, lab: Workspace, source: Path
) -> None:
    """What the program prints may come; what is followed may, until the run has ended."""
    hold(server)
    run = submit(lab, source)
    assert run.get_logs() == ""
    with pytest.raises(NotFound, match=r"has no log user_logs/typo.txt; it has: none"):
        run.get_logs("user_logs/typo.txt")
    read: list[bytes] = []
    reading = threading.Thread(target=lambda: read.extend(run.follow_log()))
    reading.start()
    server.runs.write(run.resource_name, b"hello\n")
    server.runs.end(run.resource_name)
    reading.join(20)
    assert b"".join(read) == b"hello\n"
    with pytest.raises(NotFound, match=r"has no log user_logs/typo.txt; it has: user_logs/std_log.txt"):
        list(run.follow_log("user_logs/typo.txt"))


def test_metrics_are_fetched(server: FakeOrris, lab: Workspace, source: Path) -> None:
    run = submit(lab, source)
    point = runs_pb2.MetricPoint(
        metric="Accuracy", type=runs_pb2.MetricPoint.TYPE_SCALAR, value=runs_pb2.MetricValue(number=0.97)
    )
    server.runs.points[run.resource_name].append(point)
    assert run.get_metrics() == {"Accuracy": 0.97}
    assert run.get_metrics("other") == {}
