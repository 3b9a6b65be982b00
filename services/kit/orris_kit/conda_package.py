"""One package of a conda channel, to the byte."""

import re
from dataclasses import dataclass

from orris.errors import InvalidArgument

_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,127}")
_VERSION = re.compile(r"[A-Za-z0-9_.!+-]{1,128}")
_CHANNEL = re.compile(r"(?:https://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:/|$))?(?:[A-Za-z0-9][A-Za-z0-9._/-]*)?")
_CHANNEL_LIMIT = 255
_SUBDIR = re.compile(r"noarch|[a-z]{2,12}-[a-z0-9_]{1,16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class CondaPackage:
    """A file of a conda channel: `channel` as the spec names it, never with credentials; `sha256` in hex.

    Raises InvalidArgument when a part is not what conda has there: channels and their indexes are written by others.
    """

    name: str
    version: str
    build: str
    channel: str
    subdir: str
    file_name: str
    sha256: str

    def __post_init__(self) -> None:
        known = (_NAME, self.name), (_VERSION, self.version), (_VERSION, self.build), (_SHA256, self.sha256)
        well = all(pattern.fullmatch(text) for pattern, text in (*known, (_SUBDIR, self.subdir)))
        named = self.file_name in (f"{self.stem}.conda", f"{self.stem}.tar.bz2")
        if not (well and named and is_channel(self.channel)):
            raise InvalidArgument(f"{self.stem[:200]!r} is not a package of a conda channel", field="conda_packages")

    @property
    def stem(self) -> str:
        """The name of its file without the ending."""
        return f"{self.name}-{self.version}-{self.build}"


def is_channel(text: str) -> bool:
    """Tell whether `text` names a channel: `conda-forge`, `pkgs/main`, `https://conda.example.org/lab`.

    No credentials are in it, as what a specification says is shown to everybody who sees its image: neither before the
    host nor as conda's `/t/TOKEN`.
    """
    parts = text.removeprefix("https://").split("/")
    well = _CHANNEL.fullmatch(text) and len(text) <= _CHANNEL_LIMIT
    return bool(well) and not {"", ".", "..", "t"} & set(parts)
