"""Packages from conda and pip, as Azure has them written down."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from azureml.exceptions import UserErrorException

# What Azure puts into every environment; Orris's own package for the inside of a run takes its place.
AZUREML_DEFAULTS = "azureml-defaults"


class CondaDependencies:
    """A conda file: channels, conda packages, pip packages. An empty one has `azureml-defaults` alone.

    Raises UserErrorException when a file is no conda file.
    """

    def __init__(
        self,
        conda_dependencies_file_path: str | Path | None = None,
        _underlying_structure: dict[str, Any] | None = None,
    ) -> None:
        structure = _underlying_structure or {"dependencies": [{"pip": [AZUREML_DEFAULTS]}]}
        if conda_dependencies_file_path is not None:
            structure = _read(Path(conda_dependencies_file_path).read_text(encoding="utf-8-sig"))
        dependencies = structure.get("dependencies") or []
        self._other = {key: each for key, each in structure.items() if key not in ("channels", "dependencies")}
        self._channels = [*(structure.get("channels") or [])]
        self._conda = [each for each in dependencies if isinstance(each, str)]
        self._pip = [package for each in dependencies if isinstance(each, dict) for package in each.get("pip") or []]

    @classmethod
    def from_text(cls, text: str) -> CondaDependencies:
        """Return the dependencies that a conda file's text describes."""
        return cls(_underlying_structure=_read(text))

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """Return dependencies on the packages given, and on `azureml-defaults` where no pip packages are."""
        made = CondaDependencies()
        if pip_packages is not None:
            made._pip = []
        for package in pip_packages or ():
            _check_no_credentials(package)
            made._pip.append(package)
        for package in conda_packages or ():
            made.add_conda_package(package)
        if pip_indexurl:
            made.set_pip_option(f"--index-url {pip_indexurl}")
        if python_version:
            made.set_python_version(python_version)
        return made

    @property
    def conda_channels(self) -> list[str]:
        """The channels, most important first."""
        return [*self._channels]

    @property
    def conda_packages(self) -> list[str]:
        """The conda packages, `python` included."""
        return [*self._conda]

    @property
    def pip_packages(self) -> list[str]:
        """The pip packages."""
        return [each for each in self._pip if not each.startswith("-")]

    @property
    def pip_options(self) -> list[str]:
        """The lines for pip that are no packages, such as `--index-url …`."""
        return [each for each in self._pip if each.startswith("-")]

    def add_channel(self, channel: str) -> None:
        """Add a channel."""
        if channel not in self._channels:
            self._channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a channel."""
        self._channels = [each for each in self._channels if each != channel]

    def add_conda_package(self, conda_package: str) -> None:
        """Add a conda package, in the place of one of that name."""
        self._conda = _with(self._conda, conda_package)

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove the conda package of that name."""
        self._conda = _without(self._conda, conda_package)

    def add_pip_package(self, pip_package: str) -> None:
        """Add a pip package, in the place of one of that name."""
        _check_no_credentials(pip_package)
        self._pip = _with(self._pip, pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove the pip package of that name."""
        self._pip = _without(self._pip, pip_package)

    def set_pip_option(self, pip_option: str) -> None:
        """Add a line for pip, such as `--extra-index-url …`. Raises UserErrorException for a password."""
        _check_no_credentials(pip_option)
        self._pip.insert(0, pip_option)

    def set_python_version(self, version: str) -> None:
        """Ask for a Python version."""
        self._conda = [f"python={version}", *_without(self._conda, "python")]

    def get_python_version(self) -> str | None:
        """Return the Python version asked for; None means the one Orris runs with."""
        found = [each for each in self._conda if _name(each) == "python"]
        return re.sub(r"^python\s*=*\s*", "", found[0]) or None if found else None

    def as_dict(self) -> dict[str, Any]:
        """Return the conda file's content."""
        pip = [{"pip": [*self._pip]}] if self._pip else []
        channels = {"channels": [*self._channels]} if self._channels else {}
        return {**self._other, **channels, "dependencies": [*self._conda, *pip]}

    def serialize_to_string(self) -> str:
        """Return the conda file's text."""
        import yaml

        return yaml.safe_dump(self.as_dict(), sort_keys=False)

    def save_to_file(self, base_directory: str | Path, conda_file_path: str = "conda_dependencies.yml") -> str:
        """Write the conda file below a folder and return its path in it."""
        (Path(base_directory) / conda_file_path).write_text(self.serialize_to_string())
        return conda_file_path

    def save(self, path: str | Path | None = None) -> str:
        """Write the conda file and return its path."""
        file = Path(path or "conda_dependencies.yml")
        file.write_text(self.serialize_to_string())
        return str(file)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaDependencies) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"CondaDependencies({self.as_dict()})"


def _read(text: str) -> dict[str, Any]:
    import yaml

    try:
        # Text only: `python: 3.10` must not become 3.1.
        structure = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # makes text, lists and mappings only
    except yaml.YAMLError as error:
        raise UserErrorException(f"the conda file is not YAML: {error}") from error
    if not isinstance(structure, dict):
        raise UserErrorException("the conda file must be a mapping with `dependencies`")
    return structure


def _check_no_credentials(line: str) -> None:
    """Refuse what everybody could read who may read the environment; the message does not repeat it."""
    found = re.search(r"://[^/\s\"']*@([^/\s:]*)", line)
    if found:
        raise UserErrorException(
            "leave the name and the password out of the address of a package index; they belong into the netrc file of "
            f"the machine that builds: `machine {found[1]} login NAME password PASSWORD` in ~/.netrc"
        )


def _name(package: str) -> str:
    return re.split(r"[\s=<>!~\[;@]", package.rpartition("::")[2].strip(), maxsplit=1)[0].lower().replace("_", "-")


def _without(packages: list[str], package: str) -> list[str]:
    return [each for each in packages if _name(each) != _name(package)]


def _with(packages: list[str], package: str) -> list[str]:
    return [*_without(packages, package), package]
