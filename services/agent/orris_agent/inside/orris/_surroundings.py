"""Which run this program is: told by environment variables (ARCHITECTURE.md, "The folder of a run")."""

import os

from ._placeholder import PlaceholderType, explain


def run_id():
    """Return the id of the run that this program is; None when it is none."""
    folder = os.environ.get("ORRIS_RUN_FOLDER")
    return (os.environ.get("ORRIS_RUN_ID") or os.environ.get("AZUREML_RUN_ID") or None) if folder else None


def run_folder() -> str:
    """Return the folder of the run."""
    return os.environ["ORRIS_RUN_FOLDER"]


class Workspace(metaclass=PlaceholderType):
    """The workspace of the run, as far as the run knows it: its names."""

    def __repr__(self) -> str:
        return "Workspace(name=%r)" % self.name

    @property
    def datasets(self) -> dict:
        """The latest version of each registered dataset by name; the files of one are brought when it is used."""
        from ._registered import Dataset

        return Dataset.get_all(self)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("Workspace.%s" % name)


class Experiment(metaclass=PlaceholderType):
    """The experiment of the run."""

    def __repr__(self) -> str:
        return "Experiment(name=%r, workspace=%r)" % (self.name, self.workspace)

    __getattr__ = Workspace.__dict__["__getattr__"]


def experiment() -> "Experiment":
    """Return the experiment of the run, with its workspace."""
    workspace = object.__new__(Workspace)
    workspace.name = os.environ.get("ORRIS_WORKSPACE") or os.environ.get("AZUREML_ARM_WORKSPACE_NAME", "")
    workspace.subscription_id = os.environ.get("AZUREML_ARM_SUBSCRIPTION", "")
    workspace.resource_group = os.environ.get("AZUREML_ARM_RESOURCEGROUP", "")
    result = object.__new__(Experiment)
    result.name = os.environ.get("ORRIS_EXPERIMENT") or os.environ.get("AZUREML_ARM_PROJECT_NAME", "")
    result.id = os.environ.get("AZUREML_EXPERIMENT_ID", "")
    result.workspace = workspace
    return result
