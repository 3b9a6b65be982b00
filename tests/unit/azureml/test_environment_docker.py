"""Environments in containers: base images, Dockerfiles, and what is no business of an environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from azureml.exceptions import NotSupportedException, UserErrorException
from tests.fakes.services.server import FakeOrris

DOCKERFILE = "FROM debian:bookworm\nRUN apt-get update && apt-get install -y python3-sklearn\n"
SECRET = "s3cret"


def test_packages_are_put_on_the_base_image() -> None:
    from azureml.core import Environment

    environment = Environment("e")
    assert environment.to_orris().spec.base_image == ""  # Azure's own images have nothing that is needed
    environment.docker.enabled = True
    environment.docker.base_image = "lab/base:1"
    environment.python.conda_dependencies.add_pip_package("numpy")
    spec = environment.to_orris().spec
    assert (spec.base_image, spec.WhichOneof("source")) == ("lab/base:1", "conda_yaml")
    environment.docker.base_image_registry.address = "registry.lab:5000"
    assert environment.to_orris().spec.base_image == "registry.lab:5000/lab/base:1"


def test_credentials_of_a_registry_are_refused() -> None:
    from azureml.core import ContainerRegistry, Environment

    registry = ContainerRegistry()
    registry.address, registry.username, registry.password = "registry.lab", "ada", SECRET
    environment = Environment.from_docker_image("e", "lab/base:1", container_registry=registry)
    with pytest.raises(NotSupportedException, match="docker login") as caught:
        environment.to_orris()
    assert SECRET not in f"{caught.value} {environment.docker}"


def test_an_image_with_its_own_python() -> None:
    from azureml.core import Environment

    spec = Environment.from_docker_image("e", "lab/base:1").to_orris().spec
    assert (spec.base_image, spec.user_managed.interpreter) == ("lab/base:1", "python3")
    environment = Environment("e")
    environment.docker.base_image = "lab/base:1"
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = "/opt/ml/bin/python"
    assert environment.to_orris().spec.user_managed.interpreter == "/opt/ml/bin/python"


@pytest.mark.parametrize("from_file", [False, True])
def test_a_dockerfile_is_text_or_a_file(tmp_path: Path, from_file: bool) -> None:
    from azureml.core import Environment

    file = tmp_path / "Dockerfile"
    file.write_text(DOCKERFILE)
    given = str(file) if from_file else DOCKERFILE
    assert Environment.from_dockerfile("e", given).to_orris().spec.dockerfile.text == DOCKERFILE
    environment = Environment("e")
    environment.docker.base_image = None
    environment.docker.base_dockerfile = given
    assert environment.to_orris().spec.dockerfile.text == DOCKERFILE
    with pytest.raises(UserErrorException, match="cannot be read"):
        Environment.from_dockerfile("e", str(tmp_path / "nothing"))


def test_pip_packages_are_the_last_step_of_a_dockerfile(tmp_path: Path) -> None:
    from azureml.core import Environment

    file = tmp_path / "requirements.txt"
    file.write_text("--extra-index-url https://packages.lab/simple\nscikit-learn<2  # ours\nazureml-defaults\n")
    text = Environment.from_dockerfile("e", DOCKERFILE, pip_requirements=file).to_orris().spec.dockerfile.text
    assert text.startswith(DOCKERFILE)
    (added,) = text.removeprefix(DOCKERFILE).splitlines()
    assert added.startswith("RUN printf '%s\\n' '--extra-index-url https://packages.lab/simple' 'scikit-learn<2' > ")
    assert "python3 -m pip install" in added
    conda = tmp_path / "conda.yml"
    conda.write_text("dependencies: [numpy]")
    with pytest.raises(NotSupportedException, match="in the Dockerfile"):
        Environment.from_dockerfile("e", DOCKERFILE, conda_specification=conda).to_orris()


def test_what_was_registered_comes_back_as_it_was(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Environment

    made = Environment.from_dockerfile("e", DOCKERFILE)
    assert made.register(ws).version == "1"
    again = Environment.get(ws, "e")
    assert (again.docker.base_dockerfile, again.python.user_managed_dependencies) == (DOCKERFILE, True)
    assert again.register(ws).version == "1"
    again.docker.base_dockerfile = DOCKERFILE + "RUN true\n"
    assert again.register(ws).version == "2"
    copy = again.clone("copy")
    assert copy.to_orris().spec.dockerfile.text == DOCKERFILE + "RUN true\n"


def test_an_image_is_told_of(ws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from azureml.core import Environment
    from azureml.core.environment import DockerImageDetails

    environment = Environment("e")
    assert not environment.get_image_details(ws).image_exist
    assert environment.build_local(ws, useDocker=True).status == "Succeeded"
    assert "installing" in capsys.readouterr().out
    details = environment.get_image_details(ws)
    assert isinstance(details, DockerImageDetails)
    assert (details.image_exist, details.registry, details.repository) == (True, "registry.lab:5000", "orris")
    assert details.image == f"registry.lab:5000/orris@sha256:{'a' * 64}"
    assert details["ingredients"]["dockerfile"] is None
    assert details.interpreter_path == "/opt/orris/environment/bin/python"


@pytest.mark.parametrize("line", [f"--index-url https://ada:{SECRET}@packages.lab/simple", f"x @ https://{SECRET}@h/x"])
def test_credentials_of_an_index_are_refused_with_what_to_do(line: str) -> None:
    from azureml.core.conda_dependencies import CondaDependencies

    dependencies = CondaDependencies()
    ways: list[Callable[[], object]] = [
        lambda: dependencies.set_pip_option(line),
        lambda: dependencies.add_pip_package(line),
        lambda: CondaDependencies.create(pip_packages=[line]),
        lambda: CondaDependencies.create(pip_indexurl=line.rpartition(" ")[2]),
    ]
    for way in ways:
        with pytest.raises(UserErrorException, match="netrc") as caught:
            way()
        assert SECRET not in str(caught.value)
    dependencies.add_pip_package("git+https://host.lab/x@v1")  # a version, not a password


def test_a_private_wheel_belongs_on_an_index(ws: Any) -> None:
    from azureml.core import Environment

    with pytest.raises(NotSupportedException, match="extra-index-url"):
        Environment.add_private_pip_wheel(ws, file_path="mine.whl", exist_ok=True)
