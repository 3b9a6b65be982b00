"""Why the images service gets no answer of an engine is said, with what to do."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orris.errors import NotFound, Unavailable
from orris_images.build.oci.engine import Engine, translated
from tests.servers.nobody import as_nobody


@pytest.fixture
def path() -> Iterator[Path]:
    """The path of a socket, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder) / "docker.sock"


def said_by(path: Path) -> str:
    with pytest.raises(Unavailable) as caught:
        Engine({"DOCKER_HOST": f"unix://{path}"}).has("orris:1")
    assert caught.value.reason == "ENGINE_UNREACHABLE"
    return caught.value.message


def test_a_socket_that_the_service_may_not_use_is_said_to_be_that(path: Path) -> None:
    import docker  # noqa: F401  # nobody may not even read it

    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        path.chmod(0)
        said = as_nobody(lambda: said_by(path))
    assert "may not use the container engine's socket" in said
    assert "group, docker" in said


def test_an_engine_that_is_not_there_is_named_with_what_to_look_at(path: Path) -> None:
    assert said_by(path) == (
        "the container engine does not answer (No such file or directory); "
        "see that it runs and that DOCKER_HOST leads to it"
    )
    with closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(path))
    assert "(Connection refused)" in said_by(path)


def test_what_was_being_dealt_with_is_not_the_reason() -> None:
    def time_out() -> None:
        raise TimeoutError("timed out")

    try:
        raise NotFound("the engine has lost layers")
    except NotFound:
        with pytest.raises(Unavailable, match=r"does not answer \(timed out\)"), translated():
            time_out()
