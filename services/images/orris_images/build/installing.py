"""How far an installation by uv is, from what uv says."""

import re

from orris_images.build.port import Progress
from orris_kit.process import Log

_DOWNLOADING = re.compile(r"\s*(?:Downloading|Building) (\S+)")
_DOWNLOADED = re.compile(r"\s*(?:Downloaded|Built) (\S+)")
_FROM_CHANNEL = re.compile(r"downloading (\S+), (\d+) of (\d+) packages")  # orris_kit.conda_install
_PREPARED = re.compile(r"Prepared \d+ packages?")
_INSTALLED = re.compile(r"Installed \d+ packages?")
_FETCHED_PERCENT = 80


class Installing:
    """Passes lines of uv on to a log, and tells what they mean for `packages` packages."""

    def __init__(self, packages: int, log: Log, progress: Progress) -> None:
        self._packages, self._log, self._progress = packages, log, progress
        self._fetched = 0

    def line(self, line: str) -> None:
        """Take one line."""
        self._log(line)
        if found := _DOWNLOADING.match(line):
            self._tell(f"downloading {found[1]}")
        elif found := _DOWNLOADED.match(line):
            self._fetched = min(self._fetched + 1, self._packages)
            self._tell(f"downloaded {found[1]}")
        elif found := _FROM_CHANNEL.fullmatch(line):
            self._progress(_FETCHED_PERCENT * (int(found[2]) - 1) // int(found[3]), line)
        elif _PREPARED.match(line):
            self._progress(_FETCHED_PERCENT, f"installing {self._packages} packages")
        elif _INSTALLED.match(line):
            self._progress(95, f"installed {self._packages} packages")

    def _tell(self, doing: str) -> None:
        percent = _FETCHED_PERCENT * self._fetched // max(self._packages, 1)
        self._progress(percent, f"{doing}, {self._fetched} of {self._packages} packages")
