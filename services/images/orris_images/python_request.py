"""The Python a spec asks for, as conda and pip write it: 3.6.2, 3.10, 3.8.*, >=3.8,<3.11."""

import re
from dataclasses import dataclass

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from orris.errors import InvalidArgument

_VERSION = re.compile(r"={0,3}\s*(\d{1,2})(?:\.(\d{1,3}))?(?:\.(\d{1,3}))?(?:\.\*)?")


@dataclass(frozen=True)
class PythonRequest:
    """One version (`minor`, perhaps with `patch`) or a range of versions."""

    text: str
    minor: tuple[int, int]
    patch: int | None = None
    versions: SpecifierSet | None = None

    @classmethod
    def parse(cls, text: str, field: str = "python") -> "PythonRequest":
        """Read `text`; raise InvalidArgument naming `field` when it asks for no Python 3 in a form known here."""
        found = _VERSION.fullmatch(text.strip())
        request = _version(found) if found else _range(text)
        if request is None or request.minor[0] != 3:
            message = f"{field}: {text[:60]!r} is not a version of Python 3; write 3.10, 3.6.2 or >=3.8"
            raise InvalidArgument(message, field=field)
        return request

    def matches(self, version: Version) -> bool:
        """Tell whether `version` is what was asked for, to the digit where a patch was given."""
        if self.versions is not None:
            return self.versions.contains(version)
        return self.same_minor(version) and self.patch in (None, version.micro)

    def same_minor(self, version: Version) -> bool:
        """Tell whether `version` is of the minor asked for (in range, where a range was)."""
        if self.versions is not None:
            return self.versions.contains(version)
        return (version.major, version.minor) == self.minor


def _version(found: "re.Match[str]") -> PythonRequest | None:
    major, minor, patch = (None if part is None else int(part) for part in found.groups())
    assert major is not None
    if minor is None:
        return PythonRequest(f">={major}", (major, 0), versions=SpecifierSet(f">={major},<{major + 1}"))
    text = f"{major}.{minor}" if patch is None else f"{major}.{minor}.{patch}"
    return PythonRequest(text, (major, minor), patch)


def _range(text: str) -> PythonRequest | None:
    """Read a range; what it is near to, should no Python be in it, is the lowest version it names."""
    try:
        versions = SpecifierSet(text) if len(text) <= 100 else SpecifierSet()
        named = [Version(one.version.removesuffix(".*")) for one in versions]
    except (InvalidSpecifier, ValueError):
        return None
    if not named:
        return None
    low = min(named)
    return PythonRequest(",".join(sorted(map(str, versions))), (low.major, low.minor), versions=versions)
