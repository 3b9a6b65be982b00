"""The files that a run keeps beside its outputs."""

import os
import shutil

from ._exceptions import UserErrorException
from ._files import clean


class RunFiles:
    """What a run keeps. Needs the run's `_files` and `_folder`."""

    def get_file_names(self) -> list:
        """Return the names of the files kept so far."""
        return self._files.names()

    def download_file(self, name: str, output_file_path=None, _validate_checksum=False) -> str:
        """Copy a file that the run keeps, or wrote into outputs/ or logs/, and return where it is then."""
        target = output_file_path or os.path.basename(name)
        if os.path.isdir(target):
            target = os.path.join(target, os.path.basename(name))
        source = self._place(name)
        if os.path.dirname(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        return str(target)

    def download_files(self, prefix=None, output_directory=None, output_paths=None, batch_size=100,
                       append_prefix=True, timeout_seconds=None) -> None:  # fmt: skip
        """Copy the kept files below `prefix` (default: all) into a folder."""
        folder = (prefix or "").rstrip("/")
        for name in self.get_file_names():
            if not folder or name == folder or name.startswith(folder + "/"):
                short = name if append_prefix else name[len(folder) :].lstrip("/") or os.path.basename(name)
                self.download_file(name, os.path.join(output_directory or ".", short))

    def _place(self, name: str) -> str:
        name = clean(name)
        places = [os.path.join(self._folder, "files", name)]
        if name.startswith(("outputs/", "logs/")):
            places.append(os.path.join(self._folder, "work", name))
        for place in places:
            if os.path.isfile(place):
                return place
        raise UserErrorException(
            "the run keeps no file %r so far; it has %s" % (name, ", ".join(self.get_file_names()))
        )

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
