"""URLs of databases: which are taken, and that none is told to anybody."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_kit.database import DatabaseUnavailable, open_database
from orris_kit.database.opening import make_engine
from tests.servers.programs import free_ports

SECRET = "hunter2"


@pytest.mark.parametrize("kind", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_name_of_postgresql_is_known(kind: str) -> None:
    engine = make_engine(f"{kind}://ada:{SECRET}@localhost/orris?sslmode=verify-full&passfile=/run/pass", "orris_runs")
    assert engine.dialect.driver == "psycopg"
    assert dict(engine.url.query) == {"sslmode": "verify-full", "passfile": "/run/pass"}
    assert SECRET not in f"{engine} {engine.url!r}"


@pytest.mark.parametrize(
    "url", [f"mysql://ada:{SECRET}@localhost/x", f"postgresql://ada:{SECRET}/x@localhost:x", f"://{SECRET}", "x:y://z"]
)
def test_what_is_no_database_of_ours_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        open_database(url, "orris_kit", sa.MetaData())
    assert SECRET not in caught.value.message


def test_a_server_that_cannot_be_reached_is_named_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    with caplog.at_level(logging.DEBUG), pytest.raises(DatabaseUnavailable) as caught:
        open_database(f"postgresql://ada:{SECRET}@127.0.0.1:{port}/orris", "orris_kit", sa.MetaData())
    assert caught.value.reason == "DATABASE_UNREACHABLE"
    records = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert any(str(port) in record for record in records)
    assert not any(SECRET in record for record in records)
    assert SECRET not in caught.value.message
