"""Azure's names inside a run."""

from __future__ import annotations

from .conftest import Program


def test_every_listed_name_can_be_imported(program: Program) -> None:
    program.execute(
        """
        import importlib
        from azureml._names import MODULES, REAL, CONSTANTS
        listed = {name for names in MODULES.values() for name in names.split()}
        assert set(REAL) <= listed and set(CONSTANTS) <= listed, (set(REAL) | set(CONSTANTS)) - listed
        for module, names in MODULES.items():
            made = importlib.import_module(module)
            parent, _, child = module.rpartition(".")
            assert getattr(importlib.import_module(parent), child) is made
            for name in names.split():
                assert hasattr(made, name), (module, name)
        """
    )


def test_what_public_scripts_import(program: Program) -> None:
    program.execute(
        """
        import azureml.core, orris
        from azureml.core import (ComputeTarget, Dataset, Datastore, Environment, Experiment, Model, Run,
                                  RunConfiguration, ScriptRunConfig, VERSION, Webservice, Workspace)
        from azureml.core.authentication import InteractiveLoginAuthentication
        from azureml.core.compute import AmlCompute
        from azureml.core.compute_target import ComputeTargetException
        from azureml.core.conda_dependencies import CondaDependencies
        from azureml.core.environment import CondaDependencies as B
        from azureml.core.runconfig import CondaDependencies as A
        from azureml.core.run import Run as Other, _OfflineRun
        from azureml.contrib.services.aml_request import AMLRequest, rawhttp
        from azureml.contrib.services.aml_response import AMLResponse
        from azureml.data.dataset_consumption_config import DatasetConsumptionConfig
        from azureml.exceptions import ComputeTargetException as Same, UserErrorException
        from azureml.opendatasets import MNIST
        from azureml.telemetry import set_diagnostics_collection
        from azureml.train.estimator import Estimator
        from azureml.train.hyperdrive import BanditPolicy, choice, PrimaryMetricGoal
        from azureml.train.hyperdrive.parameter_expressions import choice as same_choice
        from azureml.widgets import RunDetails
        assert Run is Other is orris.Run and A is B is CondaDependencies and Same is ComputeTargetException
        assert choice is same_choice and isinstance(azureml.core.VERSION, str)
        set_diagnostics_collection(send_diagnostics=True)
        """
    )


def test_scripts_ask_for_the_kinds_and_the_errors_of_data(program: Program) -> None:
    program.execute(
        """
        from azureml.core import Dataset
        from azureml.data import FileDataset, TabularDataset
        from azureml.data.abstract_dataset import AbstractDataset
        from azureml.data.constants import WORKSPACE_BLOB_DATASTORE
        from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError
        from azureml.data.dataset_factory import DataType
        from azureml.exceptions import DatasetValidationError as Same, UserErrorException
        given = {"id": "i", "dataset": "", "table": None, "partition": None}
        assert isinstance(FileDataset("folder", given), AbstractDataset)
        assert isinstance(TabularDataset("folder", dict(given, table={})), AbstractDataset)
        assert Same is DatasetValidationError and WORKSPACE_BLOB_DATASTORE == "workspaceblobstore"
        for use, said in (
            (lambda: AbstractDataset(), "AbstractDataset is not available inside a run"),
            (lambda: AbstractDataset.from_nothing, "AbstractDataset.from_nothing is not available inside a run"),
            (lambda: FileDataset.get_by_name(None, "x"), "Dataset.get_by_name is not available"),
            (lambda: DataType.to_stream(None), "keep the paths as text"),
        ):
            try:
                use()
            except UserErrorException as error:
                assert said in str(error), error
            else:
                raise SystemExit("usable: " + said)
        """,
        submitted=False,
    )


def test_a_placeholder_can_be_named_but_not_used(program: Program) -> None:
    program.execute(
        """
        from azureml.core import Datastore, Workspace
        from azureml.core.compute import AmlCompute
        from azureml.exceptions import UserErrorException
        assert not isinstance(1, AmlCompute) and Workspace.__name__ == "Workspace"
        assert getattr(Datastore, "get_default", None) is None
        class Mine(AmlCompute): pass
        for use in (AmlCompute, Mine, lambda: Workspace.from_config(), lambda: Datastore.get_default("x")):
            try:
                use()
            except UserErrorException as error:
                assert "not available inside a run" in str(error)
            else:
                raise SystemExit("usable")
        """
    )


def test_other_modules_are_missing_as_usual(program: Program) -> None:
    program.execute(
        """
        import importlib.util
        assert importlib.util.find_spec("azureml.automl") is None
        try:
            import azureml.pipeline.core
        except ImportError:
            pass
        """
    )


def test_finds_the_files_of_a_deployed_model(program: Program) -> None:
    models = program.folder / "work/azureml-models"
    for version in ("2", "10"):
        (models / "iris" / version).mkdir(parents=True)
        (models / "iris" / version / "model.pkl").touch()
    (models / "net/1/weights").mkdir(parents=True)
    (models / "net/1/config.json").touch()
    printed = program.execute(
        """
        import os
        from azureml.core.model import Model
        from azureml.exceptions import ModelNotFoundException
        print(Model.get_model_path("iris"))
        print(Model.get_model_path("iris", version=2))
        print(Model.get_model_path("net"))
        os.environ["AZUREML_MODEL_DIR"] = "./azureml-models/iris/2"
        print(Model.get_model_path("iris"), Model.get_model_path("iris", 2))
        for name, version in (("iris", 3), ("none", None)):
            try:
                Model.get_model_path(name, version)
            except ModelNotFoundException:
                print("none")
        """
    )
    single = "./azureml-models/iris/2/model.pkl"
    assert printed.splitlines() == [
        "azureml-models/iris/10/model.pkl",
        "azureml-models/iris/2/model.pkl",
        "azureml-models/net/1",
        f"{single} {single}",
        "none",
        "none",
    ]


def test_disturbs_nothing(program: Program) -> None:
    """No thread, no exit handler, no logging, no numpy; importing is not heavy."""
    program.execute(
        """
        import sys
        from azureml.core import Run
        run = Run.get_context()
        run.log("a", 1)
        import threading
        assert threading.active_count() == 1
        heavy = {"numpy", "logging", "asyncio", "ctypes", "subprocess", "multiprocessing", "uuid", "tempfile", "http"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        """
    )
