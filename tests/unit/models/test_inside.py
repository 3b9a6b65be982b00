"""What runs in users' environments: readable by Python 3.6, and of a script only the definitions are executed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from orris_models.program import SCRIPT, program

SCRIPT_TEXT = """
import math as m
try:
    import does_not_exist
except ImportError:
    does_not_exist = None
FACTOR = -2.5
NAMES = ["a", ("b", 1)]
OPENED = open("side-effect.txt", "w")
print("executed")
def helper(x):
    return x * FACTOR
class Scaler:
    power = 2
if __name__ == "__main__":
    class Late:
        pass
    raise SystemExit("main ran")
"""

LOAD = """
import sys
sys.path.insert(0, {kit!r})
import load_model
print(load_model.define_main({script!r}))
import __main__
print(__main__.helper(2), __main__.Scaler.power, __main__.NAMES, __main__.Late.__name__, hasattr(__main__, "OPENED"))
"""


@pytest.mark.parametrize("path", sorted(program()))
def test_the_program_is_readable_by_python_3_6(path: str) -> None:
    ast.parse(program()[path], path, feature_version=(3, 6))


@pytest.mark.needs("python3.6")
def test_python_3_6_itself_reads_the_program(tmp_path: Path, python36: str) -> None:
    for path, data in program().items():
        (tmp_path / path.replace("/", "_")).write_bytes(data)
    subprocess.run([python36, "-m", "compileall", "-q", str(tmp_path)], check=True)


def test_the_program_brings_the_loader_that_replicas_use() -> None:
    assert SCRIPT in program()
    assert b"def load(" in program()["orris_conversion/load_model.py"]


def test_of_a_script_only_definitions_are_executed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT_TEXT)
    (tmp_path / "load_model.py").write_bytes(program()["orris_conversion/load_model.py"])
    text = LOAD.format(kit=str(tmp_path), script=str(tmp_path / "train.py"))
    (tmp_path / "run.py").write_text(text)
    done = subprocess.run([sys.executable, "run.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["None", "-5.0 2 ['a', ('b', 1)] Late False"]
    assert not (tmp_path / "side-effect.txt").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no pickle", "it is no pickle"),
        (b"cmissing_module_xyz\nThing\n.", "lacks a module"),
        (b"c__main__\nNowhere\n.", "move it into a module beside the script"),
    ],
)
def test_what_cannot_be_loaded_says_why_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    for path, data in program().items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "m.pkl").write_bytes(content)
    done = subprocess.run([sys.executable, SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert said in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "outputs" / "report.json").exists()
