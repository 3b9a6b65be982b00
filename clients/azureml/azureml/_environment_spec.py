"""Between Azure's sections of an environment and what Orris is asked for."""

from __future__ import annotations

import re
import sys

from azureml._conda_dependencies import CondaDependencies
from azureml._environment_sections import ANY_PYTHON, DockerSection, PythonSection
from azureml._placeholder import refuse
from orris.images.v1.images_pb2 import EnvironmentSpec
from orris.sdk.dockerfile import DEFAULT_INTERPRETER, dockerfile_text
from orris.sdk.environment import Environment

PRIVATE_WHEEL = (
    "serve the wheel from a package index of yours, which a folder behind any web server can be, name the index with "
    "CondaDependencies.set_pip_option('--extra-index-url https://...'), and write what opens it into the netrc file of "
    "the machine that builds"
)
_IN_THE_DOCKERFILE = (
    "install conda packages in the Dockerfile and set python.user_managed_dependencies = True, or push what it makes "
    "and name that as docker.base_image"
)


def described(name: str, python: PythonSection, docker: DockerSection) -> Environment:
    """Return what the sections describe. Raises NotAvailable for what cannot be had together."""
    image = docker.image
    if docker.base_dockerfile:
        return _of_dockerfile(name, dockerfile_text(docker.base_dockerfile), python)
    path = python.interpreter_path
    if python.user_managed_dependencies and image:
        return Environment.from_docker_image(
            name, image, interpreter=DEFAULT_INTERPRETER if path == ANY_PYTHON else path
        )
    if python.user_managed_dependencies:
        return Environment.from_existing_interpreter(name, sys.executable if path == ANY_PYTHON else path)
    made = Environment.from_conda_text(name, python.conda_dependencies.serialize_to_string())
    made.base_image = image
    return made


def fill_sections(spec: EnvironmentSpec, python: PythonSection, docker: DockerSection) -> None:
    """Let the sections say what a specification does, the packages apart."""
    source = spec.WhichOneof("source")
    if spec.base_image:
        docker.base_image = spec.base_image
    if source == "dockerfile":
        docker.base_image, docker.base_dockerfile = None, spec.dockerfile.text
        python.interpreter_path = spec.dockerfile.interpreter or ANY_PYTHON
    elif source == "user_managed":
        python.interpreter_path = spec.user_managed.interpreter
    python.user_managed_dependencies = source in ("dockerfile", "user_managed")


def conda_of(spec: EnvironmentSpec) -> CondaDependencies:
    """Return a specification of any form as conda dependencies."""
    source = spec.WhichOneof("source")
    if source == "conda_yaml":
        return CondaDependencies.from_text(spec.conda_yaml)
    if source == "requirements":
        lines = [line.partition(" #")[0].strip() for line in spec.requirements.splitlines()]
        made = CondaDependencies.create(pip_packages=[line for line in lines if line and not line.startswith("#")])
        python = spec.python_version
    else:
        packages = spec.packages
        made = CondaDependencies.create(pip_packages=packages.pip_packages, conda_packages=packages.conda_packages)
        for channel in packages.conda_channels:
            made.add_channel(channel)
        python = packages.python_version
    if python:
        made.set_python_version(python)
    return made


def _of_dockerfile(name: str, text: str, python: PythonSection) -> Environment:
    interpreter = "" if python.interpreter_path == ANY_PYTHON else python.interpreter_path
    packages: list[str] = []
    if not python.user_managed_dependencies:
        wanted = python.conda_dependencies
        if any(not re.match(r"(python|pip)\b", each) for each in wanted.conda_packages):
            refuse("Conda packages on top of docker.base_dockerfile", _IN_THE_DOCKERFILE)
        # What Azure adds is Orris's own inside a run.
        packages = [*wanted.pip_options, *(each for each in wanted.pip_packages if not each.startswith("azureml-"))]
    return Environment.from_dockerfile(name, text, interpreter=interpreter, pip_packages=packages)
