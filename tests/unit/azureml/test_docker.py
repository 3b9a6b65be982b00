"""What Azure's settings of Docker become: a container with limits where there are containers, else what runs here."""

from __future__ import annotations

from typing import Any

import pytest

from azureml.exceptions import NotSupportedException, UserErrorException
from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris


@pytest.fixture
def containers(ws: Any, orris: FakeOrris) -> FakeOrris:
    """An instance that makes container images, and has an agent that runs them."""
    from azureml.core import Environment

    orris.agents.isolations = [runs_pb2.ISOLATION_PROCESS, runs_pb2.ISOLATION_CONTAINER]
    Environment("made-before").build(ws).wait_for_completion()
    return orris


def asked(ws: Any, docker: Any = None, **options: Any) -> Any:
    from azureml.core import ScriptRunConfig

    source = ScriptRunConfig(source_directory=".", script="train.py", docker_runtime_config=docker, **options)
    return source.to_orris(ws)


def configuration(**options: Any) -> Any:
    from azureml.core.runconfig import DockerConfiguration

    return DockerConfiguration(use_docker=True, **options)


def test_a_run_with_docker_is_a_container(ws: Any, containers: FakeOrris) -> None:
    from azureml.core import Experiment, ScriptRunConfig

    source = ScriptRunConfig(
        ".", "train.py", docker_runtime_config=configuration(shm_size="2g", arguments=["--cpus=1.5"])
    )
    run = Experiment(ws, "iris").submit(source)
    message = containers.runs.runs[run.resource_name]
    assert message.isolation == runs_pb2.ISOLATION_CONTAINER
    assert message.resources == runs_pb2.Resources(cpus=1.5, shared_memory_bytes=2 * 1024**3)
    assert not message.network_disabled


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cpus=2", "--memory=4g", "--gpus=1", "--pids-limit=64", "--shm-size=1g", "--network=none"],
        ["--cpus", "2", "-m", "4g", "--gpus", "1", "--pids-limit", "64", "--shm-size", "1g", "--net", "none"],
        ["--cpus 2", "--memory 4g", "--gpus 1", "--pids-limit 64", "--shm-size 1g", "--network none"],
        "--cpus 2 --memory 4g --gpus 1 --pids-limit 64 --shm-size 1g --network none",
    ],
)
def test_arguments_that_limit_are_taken_in_all_spellings(ws: Any, containers: FakeOrris, arguments: Any) -> None:
    made = asked(ws, configuration(arguments=arguments))
    limits = runs_pb2.Resources(cpus=2, memory_bytes=4 * 1024**3, pids=64, gpus=1, shared_memory_bytes=1024**3)
    assert made.resources.to_message() == limits
    assert (made.isolation, made.network) == ("container", False)


@pytest.mark.parametrize(
    "arguments",
    [["--privileged"], ["-v", "/:/host"], ["-v=/:/host"], ["--network=host"], ["--network"], ["--ipc=host"],
     ["--cap-add=ALL"], ["--user", "root"], ["alpine"]],
)  # fmt: skip
def test_arguments_that_would_open_the_container_are_refused(ws: Any, arguments: list[str]) -> None:
    with pytest.raises(NotSupportedException, match="is not available in Orris yet: leave it out; --cpus"):
        asked(ws, configuration(arguments=arguments))


@pytest.mark.parametrize("argument", ["--gpus=all", "--cpus=many", "--memory=2 gigs", "--pids-limit=-1", "--cpus="])
def test_values_that_are_none_are_named(ws: Any, containers: FakeOrris, argument: str) -> None:
    with pytest.raises(UserErrorException, match="DockerConfiguration: "):
        asked(ws, configuration(arguments=[argument]))


def test_the_older_settings_of_an_environment_mean_the_same(ws: Any, containers: FakeOrris) -> None:
    from azureml.core import Environment

    environment = Environment("e")
    environment.docker.enabled = True
    environment.docker.shm_size = "1g"
    environment.docker.arguments = ["--cpus=2"]
    made = asked(ws, environment=environment)
    assert made.isolation == "container"
    assert made.resources.to_message() == runs_pb2.Resources(cpus=2, shared_memory_bytes=1024**3)


def test_without_use_docker_nothing_is_asked_for(ws: Any, containers: FakeOrris) -> None:
    from azureml.core.runconfig import DockerConfiguration

    made = asked(ws, DockerConfiguration(shm_size="2g", arguments=["--privileged"]))
    assert (made.isolation, made.resources.to_message()) == (None, None)


def test_where_nothing_runs_containers_the_run_is_what_runs_there(ws: Any, orris: FakeOrris) -> None:
    with pytest.warns(UserWarning, match="this instance has no containers"):
        made = asked(ws, configuration(arguments=["--cpus=2"]))
    assert made.isolation is None
    assert made.resources.to_message() == runs_pb2.Resources(cpus=2)


def test_where_no_container_images_are_made_the_run_is_what_runs_there(ws: Any, orris: FakeOrris) -> None:
    orris.agents.isolations = [runs_pb2.ISOLATION_CONTAINER]
    with pytest.warns(UserWarning, match="this instance has no containers"):
        assert asked(ws, configuration()).isolation is None


def test_a_container_without_network_is_never_replaced(ws: Any, orris: FakeOrris) -> None:
    made = asked(ws, configuration(arguments=["--network=none"]))
    assert (made.isolation, made.network) == ("container", False)


def test_several_nodes_are_refused(ws: Any) -> None:
    from azureml.core import RunConfiguration, ScriptRunConfig

    config = RunConfiguration()
    assert config.node_count == 1
    config.node_count = 2
    with pytest.raises(
        NotSupportedException, match="node_count = 2 is not available in Orris yet: a run is one process"
    ):
        ScriptRunConfig(".", "train.py", run_config=config).to_orris(ws)
