"""Two conda channels: `lab` with a Python, and what only it has; `other` with a newer version of the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.servers.conda_channel import PLACEHOLDER, Package, add
from tests.servers.conda_python import python_package

# As long as the others' and in the middle of binary data: a prefix is written in there too.
_DATA = b"\x7fdata\0" + PLACEHOLDER.encode() + b"/share\0" + b"end\0"


def module(name: str, version: str, requires: Sequence[str] = (), **rest: object) -> Package:
    """Return a conda package of a Python package that says its version, also as a command."""
    code = f'__version__ = "{version}"\n\n\ndef main():\n    print(__version__)\n'
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {line}" for line in requires]
    folder = f"site-packages/{name}-{version}.dist-info"
    files: dict[str, bytes | Path] = {
        f"site-packages/{name}.py": code.encode(),
        f"{folder}/METADATA": "\n".join(metadata).encode() + b"\n",
        f"{folder}/RECORD": b"",
        f"{folder}/INSTALLER": b"conda\n",
    }
    command = {"entry_points": [f"{name} = {name}:main"]}
    told = {"depends": ["python >=3.8"], "subdir": "noarch", "link": command, **rest}
    return Package(name, version, files, **told)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def conda_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both channels; not to be written to."""
    root = tmp_path_factory.mktemp("conda")
    add(root / "lab", python_package())
    add(root / "lab", module("nest", "6.0", archive=".tar.bz2"))
    add(root / "lab", module("nest", "7.0.1"))
    add(root / "lab", module("twig", "1.5", requires=["nest", 'iniconfig; extra == "leaves"'], depends=["nest >=7"]))
    add(root / "lab", module("pluggy", "1.4.0"))
    add(root / "lab", Package("tool", "2.0", {"share/tool/data": _DATA, "share/tool/link": Path("data")}))
    add(root / "other", module("nest", "9.0"))
    add(root / "other", module("moss", "3.0", depends=["nest >=8"]))
    return root
