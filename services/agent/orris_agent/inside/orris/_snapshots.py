"""Source files of the run, as they were: its snapshot, and those that it takes itself."""

import os

from ._exceptions import UserErrorException
from ._files import clean
from ._requests import ask

TAKEN = "snapshots"  # where those that it takes itself are among its files
_IGNORE_FILES = (".amlignore", ".gitignore")  # the first one that is there counts
_ASKED = 500  # names at a time: a request has at most 4 MiB


class RunSnapshots:
    """How a run saves and takes snapshots. Needs the run's `_files` and `_folder`."""

    def restore_snapshot(self, snapshot_id=None, path=None, extract=False) -> str:
        """Save the source files as `ID.zip` in a folder (default: the working directory), and return its path.

        `snapshot_id`: that of one that the run has taken. With `extract` save the files themselves into the folder.
        """
        wanted, files = self._snapshot(snapshot_id)
        target = os.path.abspath(path or ".")
        os.makedirs(target, exist_ok=True)
        if extract:
            for name in files:
                place = os.path.join(target, *clean(name).split("/"))
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "wb") as file:
                    _write(files[name], file)
            return target
        import zipfile  # takes milliseconds, and few runs ask

        archive = os.path.join(target, wanted + ".zip")
        temporary = archive + "." + os.urandom(4).hex()
        try:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as made:
                for name in sorted(files):
                    with made.open(name, "w", force_zip64=True) as file:
                        _write(files[name], file)
            os.replace(temporary, archive)
        finally:
            if os.path.exists(temporary):
                os.unlink(temporary)
        return archive

    def take_snapshot(self, file_or_folder_path) -> str:
        """Keep a file, or a folder but for what its ignore file names, as it is now.

        Return the id that `restore_snapshot` takes.
        """
        wanted = os.urandom(16).hex()
        top = os.path.abspath(file_or_folder_path)
        names = self._source_files(top) if os.path.isdir(top) else [""]
        for name in names:
            kept = "%s/%s/%s" % (TAKEN, wanted, name or os.path.basename(top))
            self._files.keep_file(kept, os.path.join(top, name) if name else top)
        return wanted

    def _source_files(self, folder) -> list:
        """Return the files of a folder that are sources; the agent knows the patterns of ignore files."""
        patterns, names, kept = _patterns(folder), _files(folder), []
        for begin in range(0, len(names), _ASKED):
            asked = {"patterns": patterns, "names": names[begin : begin + _ASKED]}
            kept += ask(self._folder, "select_sources", asked)["names"]
        if not kept:
            raise UserErrorException("there are no files in %s but for what its ignore file names" % folder)
        return kept

    def _snapshot(self, snapshot_id):
        """Return the id of a snapshot, and what yields the bytes of its files, by their paths."""
        if snapshot_id is not None:
            below = "%s/%s/" % (TAKEN, clean(snapshot_id))
            taken = [name for name in self._files.names() if name.startswith(below)]
            if taken:
                return snapshot_id, {name[len(below) :]: _kept(self._place(name)) for name in taken}
        listed = ask(self._folder, "list_snapshot")
        if snapshot_id not in (None, listed["id"]):
            raise UserErrorException("the run has no snapshot %s" % snapshot_id)
        return listed["id"], {name: self._pieces(name, size) for name, size in listed["files"].items()}

    def _pieces(self, name: str, size: int):
        import base64

        def pieces():
            offset = 0
            while offset < size:
                asked = {"path": name, "offset": offset}
                data = base64.b64decode(ask(self._folder, "read_snapshot", asked)["data"])
                if not data:
                    raise UserErrorException("the file %s of the snapshot ends too early" % name)
                offset += len(data)
                yield data

        return pieces


def _patterns(folder) -> list:
    for name in _IGNORE_FILES:
        place = os.path.join(folder, name)
        if os.path.isfile(place):
            try:
                with open(place, encoding="utf-8-sig") as file:
                    return file.read().splitlines()
            except UnicodeDecodeError as error:
                raise UserErrorException("%s: %s; correct the pattern" % (place, error)) from error
    return []


def _files(folder) -> list:
    """Return the paths of the files below a folder, but for those of virtual environments in it."""
    found = []
    for parent, folders, names in os.walk(folder):
        if parent != folder and "pyvenv.cfg" in names:
            del folders[:]
            continue
        places = [os.path.join(parent, name) for name in names]
        found += [os.path.relpath(place, folder).replace(os.sep, "/") for place in places if os.path.isfile(place)]
    return sorted(found)


def _kept(place: str):
    def pieces():
        with open(place, "rb") as file:
            for data in iter(lambda: file.read(1 << 20), b""):
                yield data

    return pieces


def _write(pieces, file) -> None:
    for data in pieces():
        file.write(data)
