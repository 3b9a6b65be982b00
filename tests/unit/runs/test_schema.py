"""The migrations lead to the tables that the code expects."""

import pytest
import sqlalchemy as sa

from orris.errors import AlreadyExists
from orris_kit.migration import differences, migrate
from orris_runs.schema import metadata

from .conftest import World


def test_migrations_lead_to_the_tables() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection, "orris_runs")
        assert differences(connection, metadata) == []


def test_the_default_workspace_is_there_and_others_are_made_once(world: World) -> None:
    workspaces = world.core.workspaces
    made = workspaces.create("lab", "ours", "request", b"payload")
    assert workspaces.create("lab", "ours", "request", b"payload") == made
    with pytest.raises(AlreadyExists) as caught:
        workspaces.create("lab", "", "", b"")
    assert caught.value.reason == "WORKSPACE_EXISTS"
    first, token = workspaces.list(None, 1, "")
    second, end = workspaces.list(None, 1, token)
    assert [each.id for each in (*first, *second)] == ["default", "lab"]
    assert end == ""
    assert [each.id for each in workspaces.list("lab", 10, "")[0]] == ["lab"]
