"""A home keeps its ports, so that the addresses of endpoints hold over a restart."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.errors import Unavailable
from orris_standalone import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_next_start_takes_the_ports_of_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.choose(tmp_path, None, None)
    monkeypatch.setattr(ports, "USUAL_GRPC", first.grpc + 1)
    assert ports.choose(tmp_path, None, None) == first


def test_a_remembered_port_that_is_taken_is_replaced(tmp_path: Path, taken: int) -> None:
    (tmp_path / ports.FILE).write_text(f'{{"grpc": {taken}, "http": {taken}}}')
    chosen = ports.choose(tmp_path, None, None)
    assert taken not in (chosen.grpc, chosen.http)


def test_the_two_ports_differ_also_when_the_usual_ones_are_taken(tmp_path: Path, taken: int) -> None:
    (tmp_path / ports.FILE).write_text(f'{{"grpc": {taken}, "http": {taken}}}')
    chosen = ports.choose(tmp_path, None, None)
    assert chosen.grpc != chosen.http


def test_a_port_that_was_asked_for_and_is_taken_is_an_error_that_names_the_option(tmp_path: Path, taken: int) -> None:
    with pytest.raises(Unavailable, match="--http-port"):
        ports.choose(tmp_path, None, taken)


def test_what_cannot_be_read_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / ports.FILE).write_text("not json")
    assert ports.choose(tmp_path, None, None).grpc
