"""What joblib does in the interpreter of a run that is spread, before there is a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orris_agent

INSIDE = Path(orris_agent.__file__).parent / "inside" / "orris_joblib"


def python(program: str, *path: Path) -> str:
    env = {"PYTHONPATH": ":".join(map(str, [INSIDE, *path]))}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_cluster_is_what_joblib_uses_by_default() -> None:
    program = "import joblib\nprint(type(joblib.parallel.get_active_backend()[0]).__name__)"
    assert python(program) == "ClusterBackend"


def test_a_program_without_joblib_loads_none() -> None:
    assert python("import sys, json; print('joblib' in sys.modules, 'orris_cluster' in sys.modules)") == "False False"


def test_threads_stay_threads_where_they_are_preferred() -> None:
    program = """
import os
from joblib import Parallel, delayed
print(set(Parallel(2, prefer="threads")(delayed(os.getpid)() for _ in range(4))) == {os.getpid()})
"""
    assert python(program) == "True"


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_backend_that_a_program_names_is_its_own(backend: str) -> None:
    program = f"""
import joblib
with joblib.parallel_config(backend={backend!r}):
    print(type(joblib.parallel.get_active_backend()[0]).__module__)
"""
    assert python(program) == "joblib._parallel_backends"


def test_one_job_needs_no_cluster() -> None:
    program = "import joblib, sys; print(joblib.Parallel(1)([joblib.delayed(abs)(-1)]), 'ray' in sys.modules)"
    assert python(program) == "[1] False"


def test_what_the_environment_does_at_the_start_it_does_still(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins; builtins.greeting = 'hello'")
    assert python("print(greeting)", tmp_path) == "hello"
