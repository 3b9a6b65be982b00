"""An environment says what it is asked to hold, and what it becomes when it is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris import Environment, Workspace
from orris.errors import InvalidArgument
from orris.images.v1 import images_pb2


def test_packages_in_code(tmp_path: Path) -> None:
    environment = Environment("e", pip_packages=["scikit-learn"], python_version="3.11")
    environment.conda_packages.append("numpy=1.26")
    assert environment.spec.packages.pip_packages == ["scikit-learn"]
    assert environment.spec.packages.conda_packages == ["numpy=1.26"]
    assert environment.version is None


def test_files_are_sent_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("dependencies: [python=3.6.2]\n")
    assert Environment.from_conda_specification("e", file).spec.conda_yaml == file.read_text()
    assert Environment.from_pip_requirements("e", file, "3.9").spec.python_version == "3.9"
    assert Environment.from_existing_interpreter("e", "/opt/python").spec.user_managed.interpreter == "/opt/python"
    with pytest.raises(InvalidArgument, match="missing"):
        Environment.from_conda_specification("e", tmp_path / "missing")


def test_variables_may_be_added_to_any() -> None:
    environment = Environment.from_existing_interpreter("e", "/opt/python")
    environment.environment_variables["A"] = "1"
    assert environment.spec.environment_variables == {"A": "1"}


def test_what_a_server_describes_is_read_back_unchanged() -> None:
    spec = images_pb2.EnvironmentSpec(
        packages=images_pb2.EnvironmentSpec.Packages(pip_packages=["a"], python_version="3.10"),
        strict=True,
        environment_variables={"A": "1"},
    )
    message = images_pb2.Environment(name="workspaces/lab/environments/e/versions/3", spec=spec)
    environment = Environment.from_message(message)
    assert (environment.name, environment.version, environment.spec) == ("e", "3", spec)


def test_names_may_carry_a_version() -> None:
    lab = Workspace("lab")
    assert Environment.reference(lab, "e") == "workspaces/lab/environments/e"
    assert Environment.reference(lab, "e:2") == "workspaces/lab/environments/e/versions/2"
    with pytest.raises(InvalidArgument):
        Environment("../e")
