"""Workspaces."""

import pytest

from orris.errors import AlreadyExists

from .conftest import World


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
