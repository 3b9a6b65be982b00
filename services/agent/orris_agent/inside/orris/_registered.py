"""Registered datasets, as a run gets at them: those that it was given, and all others of its workspace."""

from ._data import make
from ._dataset_factory import FileDatasetFactory, TabularDatasetFactory
from ._exceptions import ModelPathNotFoundException, UserErrorException
from ._inputs import named, record
from ._placeholder import explain


class Scenario:
    """What a dataset may be to a model: `Dataset.Scenario`."""

    TRAINING = "training"
    VALIDATION = "validation"
    INFERENCING = "inferencing"


class Dataset:
    """Registered datasets: those that the run was given, and all others of its workspace, which its agent brings."""

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory
    Scenario = Scenario

    @staticmethod
    def get_by_id(workspace=None, id=None, **kwargs):  # noqa: A002  # Azure's parameter
        """Return a registered dataset by its id. Raises UserErrorException where there is none."""
        found = [given for given in record()["inputs"] if given["id"] == id]
        return make(found[0] if found else brought({"id": id}))

    @staticmethod
    def get_by_name(workspace=None, name=None, version="latest"):
        """Return a registered dataset by its name. Raises UserErrorException where there is none.

        The latest version of one that the run was given is that which it was given.
        """
        found = [
            given
            for given in record()["inputs"]
            if named(given["dataset"])[0] == name and str(version) in ("latest", "None", named(given["dataset"])[1])
        ]
        return make(found[0] if found else brought({"name": name, "version": version}))

    @staticmethod
    def get_all(workspace=None) -> dict:
        """Return the latest version of each registered dataset by name; its files are brought when it is used."""
        found = {named(each["dataset"])[0]: each for each in asked("list_datasets", {}, "Dataset.get_all")["datasets"]}
        return {name: make(each) for name, each in found.items()}


def brought(wanted: dict) -> dict:
    """Return where a dataset is that the run was not given: its agent puts it into the run's folder."""
    return asked("get_dataset", wanted, "Dataset.get_by_name" if "name" in wanted else "Dataset.get_by_id")


def described(dataset) -> dict:
    """Return what people say of a dataset: nothing where it is not registered."""
    if not dataset.name:
        return {"description": "", "tags": {}}
    wanted = {"name": dataset.name, "version": dataset.version}
    return asked("describe_dataset", wanted, "%s.tags" % type(dataset).__name__)


def asked(method: str, wanted: dict, name: str) -> dict:
    """Return what the agent answers to a program that uses `name`. Raises UserErrorException."""
    from ._requests import ask
    from ._surroundings import run_folder, run_id

    if run_id() is None:
        raise explain(name)
    try:
        return ask(run_folder(), method, wanted)
    except ModelPathNotFoundException as error:  # what is not found is a model elsewhere
        raise UserErrorException(str(error)) from error
