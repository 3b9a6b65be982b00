"""Environments in containers: what is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orris.errors import InvalidArgument
from orris.sdk.dockerfile import with_packages
from orris.sdk.environment import Environment

DOCKERFILE = "FROM debian:bookworm\nRUN apt-get install -y python3\n"


def test_packages_on_a_base_image() -> None:
    environment = Environment("e", pip_packages=["numpy"], base_image="lab/base:1")
    assert (environment.spec.base_image, list(environment.spec.packages.pip_packages)) == ("lab/base:1", ["numpy"])
    requirements = Environment.from_conda_text("e", "dependencies: [numpy]")
    requirements.base_image = "lab/base:2"
    assert requirements.spec.base_image == "lab/base:2"
    assert Environment._of("e", requirements.spec).base_image == "lab/base:2"


def test_an_image_with_its_own_python() -> None:
    spec = Environment.from_docker_image("e", "lab/base:1").spec
    assert (spec.base_image, spec.user_managed.interpreter) == ("lab/base:1", "python3")


def test_a_dockerfile_is_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text(DOCKERFILE)
    for given in (DOCKERFILE, file, str(file)):
        assert Environment.from_dockerfile("e", given).spec.dockerfile.text == DOCKERFILE
    assert Environment.from_dockerfile("e", "FROM debian").spec.dockerfile.text == "FROM debian"
    assert (
        Environment.from_dockerfile("e", file, interpreter="/opt/python").spec.dockerfile.interpreter == "/opt/python"
    )
    with pytest.raises(InvalidArgument, match="dockerfile"):
        Environment.from_dockerfile("e", tmp_path / "nothing")


def test_the_last_step_installs_what_is_asked_for_to_the_letter(tmp_path: Path) -> None:
    """The shell that runs it gives pip the very lines, whatever is in them."""
    lines = ["# ours", "", "numpy<2; python_version > '3'", "six == $HOME `id` %s", "--index-url https://p.lab/simple"]
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\ncat "$6" > {tmp_path}/installed\n')
    program.chmod(0o755)
    text = with_packages(DOCKERFILE, lines, str(program))
    assert text.startswith(DOCKERFILE)
    (step,) = text.removeprefix(DOCKERFILE).splitlines()
    subprocess.run(["sh", "-c", step.removeprefix("RUN ")], check=True, env={"PATH": "/usr/bin:/bin"})
    assert (tmp_path / "installed").read_text().splitlines() == lines[2:]
    assert with_packages(DOCKERFILE, ["# nothing"], sys.executable) == DOCKERFILE
