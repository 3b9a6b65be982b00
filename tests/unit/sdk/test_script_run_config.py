"""What is wrong with a configuration is found before anything is uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orris import Resources, ScriptRunConfig
from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2
from orris.sdk.resources import resources_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").touch()
    (tmp_path / "outside.py").touch()
    return tmp_path / "source"


def test_arguments_become_text_in_order() -> None:
    config = ScriptRunConfig(script="t.py", arguments=["--penalty", 1.0, "--n", 3, "--flag", True, ""])
    assert config.argument_texts == ["--penalty", "1.0", "--n", "3", "--flag", "True", ""]


def test_a_command_is_split_like_a_shell_would_without_one() -> None:
    assert ScriptRunConfig(command="python train.py --name 'a b' $HOME").command_texts == [
        "python", "train.py", "--name", "a b", "$HOME",
    ]  # fmt: skip
    assert ScriptRunConfig(command=["python", Path("a"), 1]).command_texts == ["python", "a", "1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"script": None}, "script"),
        ({"command": "python train.py"}, "script"),
        ({"script": "other.py"}, "script"),
        ({"script": "../outside.py"}, "script"),
        ({"source_directory": "/nowhere"}, "source_directory"),
        ({"arguments": "--kernel linear"}, "arguments"),
        ({"script": None, "command": "python 'open"}, "command"),
        ({"max_run_duration_seconds": 0}, "max_run_duration_seconds"),
        ({"max_run_duration_seconds": float("nan")}, "max_run_duration_seconds"),
        ({"max_run_duration_seconds": 1e99}, "max_run_duration_seconds"),
        ({"isolation": "vm"}, "isolation"),
        ({"isolation": "process", "network": False}, "network"),
        ({"distribution": "dask"}, "distribution"),
        ({"resources": Resources(cpus=-1)}, "cpus"),
        ({"resources": Resources(cpus=float("nan"))}, "cpus"),
        ({"resources": Resources(memory="2 gigs")}, "memory"),
        ({"resources": Resources(memory="-2GiB")}, "memory"),
        ({"resources": Resources(shared_memory=1.5)}, "shared_memory"),  # type: ignore[arg-type]
        ({"resources": Resources(gpus=-1)}, "gpus"),
        ({"resources": Resources(pids=2**40)}, "pids"),
    ],
)
def test_the_error_names_the_field(folder: Path, changes: dict[str, Any], field: str) -> None:
    config = ScriptRunConfig(**{"source_directory": folder, "script": "train.py", **changes})
    with pytest.raises(InvalidArgument) as caught:
        config.check()
    assert [each.field for each in caught.value.violations] == [field]


def test_a_good_one_passes(folder: Path) -> None:
    ScriptRunConfig(folder, "train.py", ["--k", 1]).check()


def test_a_compute_target_is_a_name_or_has_one() -> None:
    class Cluster:
        name = "cpu-cluster"

    assert ScriptRunConfig(compute_target="local").pool == "local"
    assert ScriptRunConfig(compute_target=Cluster()).pool == "cpu-cluster"
    assert ScriptRunConfig().pool == ""


def test_what_is_left_open_is_not_asked_for() -> None:
    assert ScriptRunConfig().isolation_asked == runs_pb2.ISOLATION_UNSPECIFIED
    assert Resources().to_message() is None


def test_without_a_network_means_in_a_container() -> None:
    assert ScriptRunConfig(network=False).isolation_asked == runs_pb2.ISOLATION_CONTAINER
    assert ScriptRunConfig(isolation="process").isolation_asked == runs_pb2.ISOLATION_PROCESS


def test_resources_are_said_in_words() -> None:
    message = Resources(cpus=1, memory="1.5GiB", pids=64, gpus=2, shared_memory="512MiB").to_message()
    assert message is not None
    assert resources_text(message) == "1 CPU, 1.5 GiB of memory, 2 GPUs, 64 processes, 512 MiB of shared memory"
