"""Generate the Python code of the contracts in `protos/` into `clients/python/`.

The proto root is the Python root, so what protoc writes is imported as it is. protoc makes no packages: the missing
`__init__.py` are made here. With `--check` nothing is written; differences are listed and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

TOP = Path(__file__).resolve().parent.parent
PROTOS = TOP / "protos"
TARGET = TOP / "clients" / "python"
KINDS = (("python", ""), ("grpc_python", ""), ("mypy", "quiet:"), ("mypy_grpc", "quiet:"))
PACKAGE = '"""Generated from the contracts in `protos/`: see `make protos`."""\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether the generated code is up to date")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        fresh = _generate(Path(folder))
    stale = _generated_under(TARGET)
    changed = sorted(path for path in fresh.keys() | stale.keys() if fresh.get(path) != stale.get(path))
    if check and changed:
        print("Generated code differs from protos/; run `make protos`:", *changed, sep="\n  ", file=sys.stderr)
        return 1
    for path in changed:
        _replace(TARGET / path, fresh.get(path))
    return 0


def _generate(folder: Path) -> dict[str, bytes]:
    """Run protoc over every contract; return what it wrote by path."""
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    outputs = [f"--{kind}_out={flags}{folder}" for kind, flags in KINDS]
    includes = [PROTOS, resources.files("grpc_tools") / "_proto", sysconfig.get_path("purelib")]
    plugins = [
        f"--plugin=protoc-gen-{name}={Path(sys.executable).parent / f'protoc-gen-{name}'}"
        for name in ("mypy", "mypy_grpc")
    ]
    if protoc.main(["protoc", *(f"-I{include}" for include in includes), *plugins, *outputs, *sources]):
        raise SystemExit("protoc found errors in protos/")
    for path in list(folder.rglob("*_pb2.py")):
        _make_packages(path.parent, folder)
    return _generated_under(folder)


def _make_packages(package: Path, root: Path) -> None:
    """Make `__init__.py` from `package` up to, and without, the hand-written top package."""
    while package.parent != root:
        (package / "__init__.py").write_text(PACKAGE)
        package = package.parent


def _generated_under(root: Path) -> dict[str, bytes]:
    modules = [path for path in root.rglob("*_pb2*.py*") if path.suffix in {".py", ".pyi"}]
    packages = [path for path in root.rglob("__init__.py") if path.read_text() == PACKAGE]
    return {str(path.relative_to(root)): path.read_bytes() for path in modules + packages}


def _replace(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
