"""A program that is told what cannot be says so in a sentence: it is read in the log of a container."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = ("orris_artifacts", "orris_images", "orris_runs", "orris_models", "orris_inference", "orris_agent")


def said(program: str, home: Path, **settings: str) -> str:
    """Return what a program says that ends at once."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORRIS_")}
    done = subprocess.run(
        [sys.executable, "-m", program],
        env={**inherited, "ORRIS_HOME": str(home), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_setting_that_is_wrong_is_named_by_its_variable(program: str, tmp_path: Path) -> None:
    wrong = "ORRIS_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'"
    assert said(program, tmp_path, ORRIS_LOG_LEVEL="loud") == f"{program}: {wrong}\n"


@pytest.mark.parametrize(
    ("setting", "value", "remedy"),
    [
        ("LISTEN", "0.0.0.0:0", "give a certificate, or allow it"),
        ("STORE", "s3://b", "ORRIS_ARTIFACTS_STORE: give s3://BUCKET"),
        ("STORE", "s3://bucket", "needs ORRIS_ARTIFACTS_S3_ENDPOINT"),
        ("DATABASE", "mysql://db/orris", "databases are sqlite:///PATH or postgresql://HOST/NAME, not mysql"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_do(setting: str, value: str, remedy: str, tmp_path: Path) -> None:
    told = said("orris_artifacts", tmp_path, **{f"ORRIS_ARTIFACTS_{setting}": value})
    assert remedy in told.splitlines()[-1]
    assert "Traceback" not in told


@pytest.mark.parametrize("program", ["orris_images", "orris_runs", "orris_agent"])
def test_a_home_that_cannot_be_made_is_named(program: str) -> None:
    told = said(program, Path("/proc/nowhere"))
    assert told.splitlines()[-1].startswith(f"{program}: /proc/nowhere")
    assert "Traceback" not in told


@pytest.mark.parametrize("program", [each for each in PROGRAMS if each != "orris_artifacts"])
def test_several_artifacts_services_are_one_address(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both = "ipv4:10.0.0.5:6747,10.0.0.6:6747"
    monkeypatch.setenv("ORRIS_ARTIFACTS_ADDRESS", both)
    assert importlib.import_module(f"{program}.config").Settings().artifacts_address == both
