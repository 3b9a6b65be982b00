"""The command as a process: what it loads, what it says, and what Ctrl-C does."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris

ORRIS = [sys.executable, "-m", "orris.cli"]


def test_help_needs_neither_grpc_nor_the_services() -> None:
    program = "import sys; from orris.cli.main import app; print(*{n.partition('.')[0] for n in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert set(done.stdout.split()).isdisjoint({"grpc", "google", "rich", "orris_standalone", "sqlalchemy"})


def test_the_version_is_an_option_too() -> None:
    said = [subprocess.run([*ORRIS, word], capture_output=True, check=True).stdout for word in ("--version", "version")]
    assert said[0] == said[1]
    assert said[0].startswith(b"orris ")


def test_a_warning_is_one_line_without_code(server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    (source / "link").symlink_to("/etc")
    command = [*ORRIS, "submit", "--no-wait", "train.py"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == (
        "warning: link is a link to /etc, outside the source directory; it is left out of the snapshot\n"
    )


@pytest.mark.parametrize("command", [["submit", "train.py"], ["runs", "logs", "-f", "latest"]])
def test_ctrl_c_leaves_the_run_alone_says_so_and_exits_with_130(
    server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    server.runs.script = lambda name: server.runs.write(name, b"working")
    if command[0] == "runs":
        subprocess.run([*ORRIS, "submit", "--no-wait", "train.py"], cwd=source, check=True, capture_output=True)
    process = subprocess.Popen([*ORRIS, *command], cwd=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(7) == b"working"
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest) == (130, b"\n")
    assert errors.decode().splitlines()[-1].startswith("run train_")
    assert b"goes on: follow it with `orris runs logs -f train_" in errors
    assert [run.state for run in server.runs.runs.values()] == [runs_pb2.Run.STATE_QUEUED]
    assert server.called("CancelRun") == []


def test_a_closed_pipe_is_no_error(server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    server.runs.chunk = 100_000

    def work(name: str) -> None:
        server.runs.write(name, b"line\n" * 200_000)
        server.runs.end(name)

    server.runs.script = work
    process = subprocess.Popen(
        [*ORRIS, "submit", "train.py"], cwd=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    assert process.wait(timeout=20) == 0
    assert b"Traceback" not in errors
    assert b"BrokenPipe" not in errors
