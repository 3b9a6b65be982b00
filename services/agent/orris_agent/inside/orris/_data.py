"""Datasets in a run. What is heavy is loaded with the first use: every script imports this."""

import os

from ._exceptions import UserErrorException
from ._inputs import named
from ._placeholder import ExplainingType, explain


def make(given: dict):
    """Return the dataset that an input is; of one without a `folder`, the agent brings the files when they are used."""
    if given["table"] is None:
        return FileDataset(given.get("folder"), given)
    from ._tables import TabularDataset

    return TabularDataset(given.get("folder"), given)


class AbstractDataset(metaclass=ExplainingType):
    """A dataset that the run was given, or has asked for."""

    def __init__(self, folder=None, given=None) -> None:
        if given is None:
            raise explain(type(self).__name__)
        self._place = folder
        self._given = given
        self.id = given["id"]
        self.name, version = named(given["dataset"])
        self.version = int(version) if version else None

    @staticmethod
    def get_by_name(workspace=None, name=None, version="latest"):
        """Return a registered dataset by its name: `Dataset.get_by_name`."""
        from ._registered import Dataset

        return Dataset.get_by_name(workspace, name, version)

    @staticmethod
    def get_by_id(workspace=None, id=None, **kwargs):  # noqa: A002  # Azure's parameter
        """Return a registered dataset by its id: `Dataset.get_by_id`."""
        from ._registered import Dataset

        return Dataset.get_by_id(workspace, id)

    @staticmethod
    def get_all(workspace=None) -> dict:
        """Return the latest version of each registered dataset by name: `Dataset.get_all`."""
        from ._registered import Dataset

        return Dataset.get_all(workspace)

    @property
    def description(self) -> str:
        """Free text for people."""
        return self._described()["description"]

    @property
    def tags(self) -> dict:
        """Text by key."""
        return dict(self._described()["tags"])

    def _described(self) -> dict:
        if "tags" not in self._given:
            from ._registered import described

            self._given = dict(self._given, **described(self))
        return self._given

    @property
    def _folder(self) -> str:
        if self._place is None:
            from ._registered import brought

            self._place = brought({"name": self.name, "version": self.version})["folder"]
        return self._place

    def register(self, workspace=None, name=None, description=None, tags=None, create_new_version=False):
        """Register it as a dataset of the run's workspace; return what was registered.

        Raises UserErrorException where there is another of that name, unless `create_new_version`.
        """
        from ._dataset_registration import register

        wanted = {"register_as": name, "description": description, "tags": dict(tags or {})}
        return self._known_as(register(self, dict(wanted, create_new_version=bool(create_new_version))))

    # The paths of the files that it has of those in its folder; None for all of them.
    _chosen = None

    def _known_as(self, given: dict):
        return type(self)(self._place, given)

    def to_path(self) -> list:
        """Return the paths of the files, each with a slash before it."""
        return ["/" + path for path in self._paths()]

    def download(self, target_path=None, overwrite=False, **kwargs) -> list:
        """Copy the files into a folder (default: a new one); return where they are."""
        import shutil

        into = target_path or new_folder()
        targets = []
        for path in self._paths():
            target = os.path.join(into, path)
            if os.path.exists(target) and not overwrite:
                raise UserErrorException("%s is there already; give overwrite=True" % target)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.join(self._folder, path), target)
            targets.append(target)
        return targets

    @property
    def partition_keys(self) -> list:
        """The columns that paths of its files say; none without a `partition_format`."""
        return self._said().keys

    def get_partition_key_values(self, partition_keys=None) -> list:
        """Return which values of these columns (default: all) occur together in paths of the files, each once."""
        return self._said().distinct(self._paths(), partition_keys)

    def _said(self):
        from ._path_values import PathValues

        table = self._given["table"]
        return PathValues((table or self._given).get("partition"))

    def _paths(self) -> list:
        found = [os.path.join(parent, name) for parent, _, names in os.walk(self._folder) for name in names]
        return sorted(os.path.relpath(path, self._folder).replace(os.sep, "/") for path in found)

    def __repr__(self) -> str:
        return "%s(%r)" % (type(self).__name__, self.name or self.id)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("%s.%s" % (type(self).__name__, name))


class FileDataset(AbstractDataset):
    """Files that the run was given."""

    def __init__(self, folder=None, given=None, paths=None) -> None:
        super().__init__(folder, given)
        self._chosen = paths

    def mount(self, mount_point=None, **kwargs) -> "MountContext":
        """Return a context that says in which folder the files are."""
        return MountContext(self, mount_point)

    def take(self, count: int) -> "FileDataset":
        """Return the first files, in the order of their paths."""
        from ._dataset_parts import at_least_0

        return self._with(self._paths()[: at_least_0(count)])

    def skip(self, count: int) -> "FileDataset":
        """Return all but the first files."""
        from ._dataset_parts import at_least_0

        return self._with(self._paths()[at_least_0(count) :])

    def random_split(self, percentage: float, seed=None) -> tuple:
        """Return two parts by chance: each file is in the first with that probability, else in the second."""
        from random import Random

        from ._dataset_parts import probability, seed_or_new

        chance, edge = Random(seed_or_new(seed)), probability(percentage)
        drawn = [(chance.random() < edge, path) for path in self._paths()]
        return tuple(self._with([path for mine, path in drawn if mine is part]) for part in (True, False))

    def take_sample(self, probability: float, seed=None) -> "FileDataset":
        """Return some of the files by chance."""
        return self.random_split(probability, seed)[0]

    def filter(self, expression) -> "FileDataset":
        """Return the files whose paths are like this, for example `files.filter(files["country"] == "at")`."""
        from ._table_filter import RowCondition

        if not isinstance(expression, RowCondition):
            raise UserErrorException("filter: compare a column, like files['country'] == 'at'")
        return self._with(self._said().chosen(self._paths(), expression.condition))

    def __getitem__(self, name: str):
        from ._table_filter import Column

        return Column(name)

    def _known_as(self, given: dict) -> "FileDataset":
        return type(self)(self._place, given, self._chosen)

    def _with(self, paths: list) -> "FileDataset":
        return type(self)(self._place, self._given, paths)

    def _paths(self) -> list:
        return super()._paths() if self._chosen is None else self._chosen


class MountContext:
    """The folder of a dataset's files: where they are already, or copies where a folder is named."""

    def __init__(self, dataset: FileDataset, mount_point=None) -> None:
        self._dataset = dataset
        self._copied = mount_point is not None or dataset._chosen is not None
        self.mount_point = mount_point or (new_folder() if self._copied else dataset._folder)

    def start(self) -> None:
        """Copy the files, where that is to be."""
        if self._copied:
            self._dataset.download(self.mount_point, overwrite=True)

    def stop(self) -> None:
        """Do nothing: the folder goes with the run."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        self.stop()


def new_folder() -> str:
    """Return a folder that nobody has; it goes with the run."""
    from tempfile import mkdtemp

    from ._surroundings import run_folder, run_id

    # A part of a run that is spread has no such folder where it is.
    in_run = run_id() is not None and os.path.isdir(run_folder())
    return mkdtemp(prefix="data-", dir=run_folder() if in_run else None)
