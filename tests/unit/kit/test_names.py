"""Resource names."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris import names
from orris.errors import InvalidArgument

SHA = "0123456789abcdef" * 4
GOOD = [
    (names.WorkspaceName, "workspaces/lab", ("lab",)),
    (names.ExperimentName, "workspaces/lab/experiments/iris", ("lab", "iris")),
    (names.RunName, "workspaces/lab/runs/iris_1700000000_0a1b2c3d", ("lab", "iris_1700000000_0a1b2c3d")),
    (names.LogName, "workspaces/lab/runs/r/logs/user_logs/std_log.txt", ("lab", "r", "user_logs/std_log.txt")),
    (names.EnvironmentName, "workspaces/lab/environments/my env", ("lab", "my env")),
    (names.EnvironmentVersionName, "workspaces/lab/environments/e/versions/1", ("lab", "e", "1")),
    (names.BuildName, "workspaces/lab/builds/b1", ("lab", "b1")),
    (names.ImageName, f"workspaces/lab/images/{SHA}", ("lab", SHA)),
    (names.ModelName, "workspaces/lab/models/m.1-a_b", ("lab", "m.1-a_b")),
    (names.ModelVersionName, "workspaces/lab/models/m/versions/12", ("lab", "m", "12")),
    (names.EndpointName, "workspaces/lab/endpoints/abc", ("lab", "abc")),
    (names.TreeName, f"workspaces/lab/trees/{SHA}", ("lab", SHA)),
    (names.BlobName, f"workspaces/lab/blobs/{SHA}", ("lab", SHA)),
    (names.StorageName, "workspaces/lab/storage", ("lab",)),
    (names.AgentName, "agents/a-1", ("a-1",)),
]


@pytest.mark.parametrize(("kind", "text", "parts"), GOOD)
def test_a_name_is_parsed_into_its_parts_and_back(kind: Any, text: str, parts: tuple[str, ...]) -> None:
    name = kind.parse(text)
    assert name == kind(*parts)
    assert str(name) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (names.RunName, ""),
        (names.RunName, "workspaces/lab/runs/"),
        (names.RunName, "workspaces/lab/runs/r/logs/x"),
        (names.RunName, "/workspaces/lab/runs/r"),
        (names.RunName, "workspaces/lab/runs/r\n"),
        (names.RunName, "workspaces/lab/runs/.."),
        (names.RunName, "workspaces/lab/models/r"),
        (names.WorkspaceName, "workspaces/-"),
        (names.WorkspaceName, "workspaces/l"),
        (names.WorkspaceName, "workspaces/" + "l" * 34),
        (names.WorkspaceName, "workspaces/läb"),
        (names.EndpointName, "workspaces/lab/endpoints/ab"),
        (names.EndpointName, "workspaces/lab/endpoints/abc-"),
        (names.EndpointName, "workspaces/lab/endpoints/1bc"),
        (names.EndpointName, "workspaces/lab/endpoints/" + "a" * 33),
        (names.BlobName, "workspaces/lab/blobs/" + SHA.upper()),
        (names.BlobName, "workspaces/lab/blobs/" + SHA[1:]),
        (names.LogName, "workspaces/lab/runs/r/logs/../x"),
        (names.LogName, "workspaces/lab/runs/r/logs/a/.."),
        (names.LogName, "workspaces/lab/runs/r/logs/a//b"),
        (names.LogName, "workspaces/lab/runs/r/logs//a"),
        (names.LogName, "workspaces/lab/runs/r/logs/a\x00"),
        (names.LogName, "workspaces/lab/runs/r/logs/" + "a" * 1025),
    ],
)
def test_what_is_no_name_is_refused_with_its_field(kind: Any, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        kind.parse(text, field="run.name")
    assert [each.field for each in caught.value.violations] == ["run.name"]


def test_a_name_cannot_be_made_of_bad_parts() -> None:
    with pytest.raises(InvalidArgument, match="run:"):
        names.RunName("lab", "../../etc")


def test_a_log_file_may_have_dots_in_its_names() -> None:
    assert names.LogName("lab", "r", "..a/.b/c..").file == "..a/.b/c.."


def test_the_parent_is_what_a_thing_belongs_to() -> None:
    assert names.RunName("lab", "r").parent == "workspaces/lab"
    assert names.LogName("lab", "r", "a/b").parent == "workspaces/lab/runs/r"
    assert names.ModelVersionName("lab", "m", "1").parent == "workspaces/lab/models/m"
    assert names.WorkspaceName("lab").parent == ""


def test_an_environment_may_have_a_version() -> None:
    assert names.parse_environment("workspaces/lab/environments/e") == names.EnvironmentName("lab", "e")
    versioned = names.parse_environment("workspaces/lab/environments/e/versions/2")
    assert versioned == names.EnvironmentVersionName("lab", "e", "2")
    with pytest.raises(InvalidArgument):
        names.parse_environment("workspaces/lab/environments/e/versions")


@given(st.sampled_from([kind for kind, *_ in GOOD]), st.text())
def test_no_text_breaks_the_parser(kind: Any, text: str) -> None:
    for candidate in (text, f"workspaces/lab/runs/{text}", f"workspaces/lab/runs/r/logs/{text}"):
        with suppress(InvalidArgument):
            assert str(kind.parse(candidate)) == candidate
