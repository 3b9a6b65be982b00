"""Importing `orris` costs nothing: what is heavy comes with its first use."""

from __future__ import annotations

import subprocess
import sys

import orris


def loaded_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.split())


def test_importing_orris_loads_neither_grpc_nor_protobuf() -> None:
    assert loaded_after("import orris").isdisjoint({"grpc", "google", "rich", "typer"})


def test_classes_are_there_without_grpc_until_the_first_call() -> None:
    program = "import orris; orris.Workspace('lab'); orris.Run; orris.Model; orris.Endpoint; orris.Environment('e')"
    assert loaded_after(program).isdisjoint({"grpc", "rich", "numpy", "pandas"})


def test_every_name_that_is_promised_can_be_imported() -> None:
    assert all(getattr(orris, name) is not None for name in orris.__all__)
    assert set(orris.__all__) <= set(dir(orris))
