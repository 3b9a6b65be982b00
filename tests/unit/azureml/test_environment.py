"""Environments: what Azure's sections say is what Orris is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from azureml.exceptions import UserErrorException
from tests.fakes.services.server import FakeOrris

CONDA = "channels: [conda-forge]\ndependencies:\n- python=3.10\n- scikit-learn\n- pip:\n  - azureml-defaults\n"


def test_an_untouched_file_is_sent_as_it_is(tmp_path: Path) -> None:
    from azureml.core import Environment

    file = tmp_path / "conda.yml"
    file.write_text(CONDA)
    environment = Environment.from_conda_specification(name="e", file_path=str(file))
    assert environment.python.conda_dependencies.conda_packages == ["python=3.10", "scikit-learn"]
    assert environment.to_orris().spec.conda_yaml == CONDA


def test_packages_added_later_count(tmp_path: Path) -> None:
    from azureml.core import Environment

    file = tmp_path / "conda.yml"
    file.write_text(CONDA)
    environment = Environment.from_conda_specification("e", file)
    environment.python.conda_dependencies.add_pip_package("pandas==1.5")
    environment.environment_variables["A"] = 1
    spec = environment.to_orris().spec
    sent = yaml.safe_load(spec.conda_yaml)
    assert sent["channels"] == ["conda-forge"]
    assert sent["dependencies"] == ["python=3.10", "scikit-learn", {"pip": ["azureml-defaults", "pandas==1.5"]}]
    assert spec.environment_variables == {"A": "1"}


def test_conda_dependencies_in_code() -> None:
    from azureml.core import Environment
    from azureml.core.runconfig import CondaDependencies

    dependencies = CondaDependencies.create(conda_packages=["scikit-learn=0.24", "pip"], pip_packages=["joblib"])
    dependencies.set_python_version("3.8")
    dependencies.add_conda_package("scikit-learn==1.0")
    environment = Environment("e")
    environment.python.conda_dependencies = dependencies
    sent = yaml.safe_load(environment.to_orris().spec.conda_yaml)
    assert sent == {"dependencies": ["python=3.8", "pip", "scikit-learn==1.0", {"pip": ["joblib"]}]}
    assert dependencies.get_python_version() == "3.8"
    assert CondaDependencies().pip_packages == ["azureml-defaults"]


def test_a_bad_file_names_the_problem(tmp_path: Path) -> None:
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies

    (tmp_path / "bad.yml").write_text("{")
    with pytest.raises(UserErrorException, match="not YAML"):
        CondaDependencies(conda_dependencies_file_path=str(tmp_path / "bad.yml"))
    with pytest.raises(UserErrorException, match="file_path"):
        Environment.from_conda_specification("e", tmp_path / "missing.yml")


def test_an_interpreter_that_the_user_looks_after(tmp_path: Path) -> None:
    from azureml.core import Environment

    environment = Environment("user-managed-env")
    environment.python.user_managed_dependencies = True
    assert environment.to_orris().spec.user_managed.interpreter == sys.executable
    environment.python.interpreter_path = "/opt/python"
    assert environment.to_orris().spec.user_managed.interpreter == "/opt/python"


def test_registering_makes_versions_only_for_changes(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Environment

    environment = Environment("e")
    assert environment.version is None
    assert environment.register(workspace=ws).version == "1"
    assert environment.register(ws).version == "1"
    environment.python.conda_dependencies.add_pip_package("pandas")
    assert environment.register(ws).version == "2"
    again = Environment.get(workspace=ws, name="e", version="1")
    assert again.python.conda_dependencies.pip_packages == ["azureml-defaults"]
    clone = again.clone("copy")
    clone.register(ws)
    assert set(ws.environments) >= {"e", "copy"}
    with pytest.raises(UserErrorException, match="nothing"):
        Environment.get(ws, "nothing")


def test_a_build_shows_its_log(ws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from azureml.core import Environment

    assert Environment("e").build(workspace=ws).wait_for_completion(show_output=True).status == "Succeeded"
    assert "installing" in capsys.readouterr().out
