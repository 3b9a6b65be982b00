"""The run's kept files: copies under names, in `files/` of the run's folder."""

import os

from ._exceptions import UserErrorException


class KeptFiles:
    """The folder of kept files. A file appears there complete; one kept again under its name replaces the first."""

    def __init__(self, run_folder) -> None:
        self._folder = os.path.join(run_folder, "files")
        self._aside = os.path.join(run_folder, ".incoming-")  # same file system, not in files/

    def keep(self, name: str, write) -> None:
        """Keep under `name` what `write(binary file)` writes."""
        target = self._prepare(name)
        temporary = self._aside + os.urandom(8).hex()
        try:
            with open(temporary, "wb") as file:
                write(file)
            os.rename(temporary, target)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise

    def keep_file(self, name: str, path_or_stream) -> None:
        """Keep a copy of a file, or of what a stream still holds."""
        if hasattr(path_or_stream, "read"):
            self.keep(name, lambda file: _copy_stream(path_or_stream, file))
            return
        if not os.path.isfile(path_or_stream):
            raise UserErrorException("there is no file %s (in %s)" % (path_or_stream, os.getcwd()))
        with open(path_or_stream, "rb") as source:
            self.keep(name, lambda file: _copy_stream(source, file))

    def keep_folder(self, name: str, path) -> None:
        """Keep copies of all files below a folder."""
        if not os.path.isdir(path):
            raise UserErrorException("there is no folder %s (in %s)" % (path, os.getcwd()))
        found = [
            os.path.relpath(os.path.join(folder, file), path) for folder, _, files in os.walk(path) for file in files
        ]
        for relative in sorted(found):
            if os.path.isfile(os.path.join(path, relative)):
                self.keep_file("%s/%s" % (name, relative) if name else relative, os.path.join(path, relative))

    def names(self) -> list:
        """Return the names of all kept files."""
        return sorted(
            os.path.relpath(os.path.join(folder, file), self._folder).replace(os.sep, "/")
            for folder, _, files in os.walk(self._folder)
            for file in files
        )

    def free(self, name: str, extension: str) -> str:
        """Return `name` with the extension, numbered when that is taken."""
        candidate, number = clean(name + extension), 0
        while os.path.lexists(os.path.join(self._folder, candidate)):
            number += 1
            candidate = clean("%s_%d%s" % (name, number, extension))
        return candidate

    def _prepare(self, name: str) -> str:
        target = os.path.join(self._folder, clean(name))
        folder = os.path.dirname(target)
        try:
            os.makedirs(folder, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise UserErrorException("a part of the name %r is a file already" % name) from error
        root = os.path.realpath(self._folder)
        if os.path.realpath(folder) != root and not os.path.realpath(folder).startswith(root + os.sep):
            raise UserErrorException("the name %r leads out of the run's files" % name)
        if os.path.isdir(target):
            raise UserErrorException("the name %r is a folder already" % name)
        return target


def clean(name: str) -> str:
    """Return a relative path with plain parts. Raises UserErrorException for any other path."""
    text = str(name).replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or text.startswith("/") or ".." in parts or "\0" in text:
        raise UserErrorException("the name %r must be a relative path without '..'" % (name,))
    return "/".join(parts)


def _copy_stream(stream, file) -> None:
    while True:
        piece = stream.read(1 << 20)
        if not piece:
            return
        file.write(piece.encode("utf-8") if isinstance(piece, str) else piece)
