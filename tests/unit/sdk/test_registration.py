"""What is said of a model is checked before anything is uploaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris import Model
from orris.errors import InvalidArgument
from orris.models.v1 import models_pb2
from orris.sdk import local_packages
from orris.sdk.framework import framework_name, framework_number
from orris.sdk.registration import describe, model_files


def test_a_version_needs_its_framework() -> None:
    with pytest.raises(InvalidArgument, match="model_framework"):
        describe(model_framework_version="1.5")


@pytest.mark.parametrize("name", ["ScikitLearn", "scikit-learn", "sklearn", Model.Framework.SCIKITLEARN])
def test_frameworks_are_known_by_azures_names_and_their_own(name: str) -> None:
    assert framework_number(name) == models_pb2.FRAMEWORK_SCIKIT_LEARN
    assert framework_name(framework_number(name)) == "ScikitLearn"


def test_an_unknown_framework_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidArgument, match="Onnx"):
        describe(model_framework="Caffe")


def test_a_file_is_a_model_and_so_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.bin").touch()
    (tmp_path / "a.pkl").touch()
    assert [*model_files(tmp_path / "a.pkl")] == ["a.pkl"]
    assert [*model_files(tmp_path)] == ["a.pkl", "deep/b.bin"]
    with pytest.raises(InvalidArgument, match="does not exist"):
        model_files(tmp_path / "none")


def test_a_model_trained_here_gets_the_versions_here(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"scikit-learn": "1.5.2", "numpy": "2.0.1"}
    monkeypatch.setattr(local_packages, "_installed", lambda package: versions.get(package, ""))
    here = local_packages.environment_of_this_interpreter("iris")
    assert here.pip_packages == ["scikit-learn==1.5.2", "numpy==2.0.1"]
    assert here.python_version.count(".") == 2


def test_a_model_trained_with_another_version_gets_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_packages, "_installed", lambda package: "1.5.2")
    other = local_packages.environment_of_this_interpreter("iris", "0.24.2")
    assert "scikit-learn==0.24.2" in other.pip_packages


def test_nothing_is_guessed_where_scikit_learn_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_packages, "_installed", lambda package: "")
    with pytest.raises(InvalidArgument, match="environment"):
        local_packages.environment_of_this_interpreter("iris")
