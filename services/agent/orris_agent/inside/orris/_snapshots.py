"""Source files of the run, as they were: its snapshot, and those that it takes itself."""

import os

from ._exceptions import UserErrorException
from ._files import clean
from ._requests import ask

TAKEN = "snapshots"  # where those that it takes itself are among its files


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
        """Keep a file or folder with the run, as it is now; return the id that `restore_snapshot` takes."""
        wanted = os.urandom(16).hex()
        if os.path.isdir(file_or_folder_path):
            self._files.keep_folder("%s/%s" % (TAKEN, wanted), file_or_folder_path)
        else:
            name = os.path.basename(os.path.abspath(file_or_folder_path))
            self._files.keep_file("%s/%s/%s" % (TAKEN, wanted, name), file_or_folder_path)
        return wanted

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


def _kept(place: str):
    def pieces():
        with open(place, "rb") as file:
            for data in iter(lambda: file.read(1 << 20), b""):
                yield data

    return pieces


def _write(pieces, file) -> None:
    for data in pieces():
        file.write(data)
