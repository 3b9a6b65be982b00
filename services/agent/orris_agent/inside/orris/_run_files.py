"""The files that a run keeps beside its outputs."""

from ._exceptions import UserErrorException
from ._files import clean


class RunFiles:
    """What a run keeps. Needs the run's `_files`."""

    def get_file_names(self) -> list:
        """Return the names of the files kept so far."""
        return self._files.names()

    def upload_file(self, name: str, path_or_stream, datastore_name=None) -> None:
        """Keep a file under `name` with the run: a path, or a stream."""
        self._files.keep_file(name, path_or_stream)

    def upload_files(self, names, paths, return_artifacts=False, timeout_seconds=None, datastore_name=None) -> None:
        """Keep files under names with the run."""
        names, paths = list(names), list(paths)
        if len(names) != len(paths):
            raise UserErrorException("upload_files needs as many names as paths: %d and %d" % (len(names), len(paths)))
        for name in names:
            clean(name)
        for name, path in zip(names, paths):
            self._files.keep_file(name, path)

    def upload_folder(self, name: str, path, datastore_name=None) -> None:
        """Keep all files below the folder `path` under `name` with the run."""
        self._files.keep_folder(name, path)
