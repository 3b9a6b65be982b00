"""What can be imported: the same here and inside a run, quickly, and never beside azureml-core."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import orris_agent
from azureml import _names, exceptions

INSIDE = Path(orris_agent.__file__).parent / "inside"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_the_facade_and_the_inside_of_a_run_offer_the_same_names() -> None:
    inside = runpy.run_path(str(INSIDE / "azureml" / "_names.py"))
    for module in sorted({*inside["MODULES"], *_names.MODULES}):
        assert set(inside["MODULES"][module].split()) == set(_names.MODULES[module].split()), module
    code = "from azureml import exceptions; print(*exceptions.__all__)"
    names = python(code, PYTHONPATH=str(INSIDE)).stdout.split()
    assert names == exceptions.__all__
    assert inside["CONSTANTS"] == _names.CONSTANTS


@pytest.mark.parametrize("module", sorted(_names.MODULES))
def test_every_listed_name_can_be_imported(module: str) -> None:
    made = import_module(module)
    for name in _names.MODULES[module].split():
        assert hasattr(made, name), (module, name)
        assert name in dir(made)
    assert not hasattr(made, "NoSuchName")


def test_what_works_is_listed() -> None:
    listed = {name for names in _names.MODULES.values() for name in names.split()}
    assert {*_names.REAL, *_names.CONSTANTS} <= listed


def test_a_name_means_the_same_wherever_it_is_imported_from() -> None:
    from azureml.core import ComputeTarget, Model, Run
    from azureml.core.compute import ComputeTarget as SameTarget
    from azureml.core.compute_target import ComputeTargetException
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.core.environment import CondaDependencies as B
    from azureml.core.model import Model as SameModel
    from azureml.core.run import Run as SameRun
    from azureml.core.run import _OfflineRun
    from azureml.core.runconfig import CondaDependencies as A
    from azureml.data import FileDataset
    from azureml.data.file_dataset import FileDataset as SameDataset

    assert Run is SameRun
    assert Model is SameModel
    assert ComputeTarget is SameTarget
    assert A is B is CondaDependencies
    assert FileDataset is SameDataset
    assert ComputeTargetException is exceptions.ComputeTargetException
    assert isinstance(Run.get_context(), _OfflineRun)


def test_errors_and_constants_of_data_are_where_scripts_import_them_from() -> None:
    from azureml.data.constants import WORKSPACE_BLOB_DATASTORE
    from azureml.data.context_managers import DatastoreContextManager
    from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError

    assert DatasetExecutionError is exceptions.DatasetExecutionError
    assert DatasetValidationError is exceptions.DatasetValidationError
    assert WORKSPACE_BLOB_DATASTORE == "workspaceblobstore"
    with pytest.raises(exceptions.NotSupportedException, match="upload the files"):
        DatastoreContextManager()


def test_modules_below_are_found_without_being_imported() -> None:
    code = "import azureml.core; print(azureml.core.model.Model.Framework.ONNX, azureml.core.VERSION)"
    assert python(code).stdout == "Onnx 1.61.0\n"


def test_importing_the_core_loads_nothing_heavy() -> None:
    code = (
        "import sys, azureml.core; from azureml.core import Workspace;"
        "print(*{'grpc', 'google.protobuf', 'yaml', 'numpy', 'rich'} & set(sys.modules))"
    )
    assert python(code).stdout == "\n"


def test_refuses_to_sit_beside_azureml_core(tmp_path: Path) -> None:
    other = tmp_path / "azureml_core-1.61.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: azureml-core\nVersion: 1.61.0\n")
    # Even where the other one's folder is found first.
    (tmp_path / "azureml" / "core").mkdir(parents=True)
    done = python("import azureml.core", PYTHONPATH=str(tmp_path))
    assert "ImportError: azureml-core 1.61.0 and orris-azureml are both installed" in done.stderr
    assert "pip uninstall azureml-core" in done.stderr
