"""Creates that are repeated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_kit.database import open_database, read, write
from orris_kit.requests import Requests
from tests.servers.databases import NewDatabase

CREATE = ("CreateRun", "workspaces/lab", "id-1", b"payload")


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


clock = Clock()
metadata = sa.MetaData()
requests = Requests(metadata, clock=clock)


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    engine = open_database(new_database("orris_kit", metadata), "orris_kit", metadata)
    yield engine
    engine.dispose()


def test_a_repeated_request_gets_the_first_result(engine: sa.Engine) -> None:
    with write(engine) as connection:
        assert requests.recall(connection, *CREATE) is None
        requests.remember(connection, *CREATE, "workspaces/lab/runs/r")
    with read(engine) as connection:
        assert requests.recall(connection, *CREATE) == "workspaces/lab/runs/r"


def test_a_request_that_failed_is_not_remembered(engine: sa.Engine) -> None:
    with pytest.raises(KeyError), write(engine) as connection:
        requests.remember(connection, *CREATE, "workspaces/lab/runs/r")
        raise KeyError
    with read(engine) as connection:
        assert requests.recall(connection, *CREATE) is None


def test_the_same_id_with_another_payload_is_refused(engine: sa.Engine) -> None:
    with write(engine) as connection:
        requests.remember(connection, *CREATE, "workspaces/lab/runs/r")
        with pytest.raises(InvalidArgument) as caught:
            requests.recall(connection, *CREATE[:3], b"another")
    assert caught.value.reason == "REQUEST_ID_REUSED"


def test_ids_of_other_methods_and_workspaces_are_others(engine: sa.Engine) -> None:
    with write(engine) as connection:
        requests.remember(connection, *CREATE, "workspaces/lab/runs/r")
        assert requests.recall(connection, "CreateBuild", *CREATE[1:]) is None
        assert requests.recall(connection, CREATE[0], "workspaces/other", *CREATE[2:]) is None


def test_an_old_request_is_forgotten_and_its_id_free_again(engine: sa.Engine) -> None:
    with write(engine) as connection:
        requests.remember(connection, *CREATE, "workspaces/lab/runs/r")
        clock.now += 86_402
        assert requests.recall(connection, *CREATE) is None
        requests.remember(connection, *CREATE, "workspaces/lab/runs/r2")
        assert requests.recall(connection, *CREATE) == "workspaces/lab/runs/r2"


def test_without_an_id_nothing_is_remembered(engine: sa.Engine) -> None:
    bare = ("CreateRun", "workspaces/lab", "", b"payload")
    with write(engine) as connection:
        requests.remember(connection, *bare, "workspaces/lab/runs/r")
        assert requests.recall(connection, *bare) is None


@pytest.mark.parametrize("request_id", ["a b", "x" * 101, "ü", "a\n"])
def test_a_bad_id_is_refused(engine: sa.Engine, request_id: str) -> None:
    with read(engine) as connection, pytest.raises(InvalidArgument):
        requests.recall(connection, *CREATE[:2], request_id, b"")
