"""What a child has that a run submits, and which files of the run's folder are its sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris.runs.v1 import runs_service_pb2 as service
from orris_agent import submitting
from orris_agent.beneath import Beneath
from orris_agent.folder import RunFolder
from orris_agent.requests import RunRequest
from orris_agent.submitting import Submitting


def sources(folder: Path, place: str = "work") -> set[str]:
    return set(submitting._source(Beneath(folder), place))


def test_all_files_count_but_those_that_are_ignored_and_what_leads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "work" / "data").mkdir(parents=True)
    (tmp_path / "work" / "__pycache__").mkdir()
    for name in ("a.py", "b.csv", "data/c.py", "__pycache__/a.pyc"):
        (tmp_path / "work" / name).write_text("x")
    (tmp_path / "secret").write_text("of the agent")
    (tmp_path / "work" / "link").symlink_to("/etc/passwd")
    assert sources(tmp_path) == {"a.py", "b.csv", "data/c.py"}
    (tmp_path / "work" / ".gitignore").write_text("*.py\n")
    (tmp_path / "work" / ".amlignore").write_text("*.csv\n.*ignore\n")
    assert sources(tmp_path) == {"a.py", "data/c.py"}


@pytest.mark.parametrize("place", ["", "..", "../..", "/etc", "work/../../etc", "absent", "out"])
def test_nothing_is_taken_from_outside(tmp_path: Path, place: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "out").symlink_to(tmp_path)
    (tmp_path / "beside").write_text("x")
    with pytest.raises(InvalidArgument, match="source_directory"):
        submitting._source(Beneath(tmp_path / "run"), place)


@pytest.mark.parametrize(("name", "value"), [("MAX_ENTRIES", 1), ("DEFAULT_LIMIT", 3)])
def test_what_is_too_much_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    for file in ("a.py", "b.py"):
        (tmp_path / file).write_text("xy")
    monkeypatch.setattr(submitting, name, value)
    with pytest.raises(InvalidArgument, match=r"\.amlignore"):
        submitting._source(Beneath(tmp_path), ".")


def test_patterns_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".amlignore").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArgument, match=r"\.amlignore"):
        submitting._source(Beneath(tmp_path), ".")


OWN = runs.Run(
    name="workspaces/lab/runs/r",
    experiment="workspaces/lab/experiments/e",
    environment="workspaces/lab/environments/own/versions/3",
    image="workspaces/lab/images/i",
    snapshot=f"workspaces/lab/trees/{'a' * 64}",
    pool="large",
    isolation=runs.ISOLATION_CONTAINER,
    resources=runs.Resources(cpus=2),
    network_disabled=True,
    priority=3,
    secret_environment_variables={"KEY": "secret"},
)


class Runs:
    """Stands in for the runs service: records what it is asked for."""

    async def CreateRun(self, request: service.CreateRunRequest, metadata: Any) -> service.CreateRunResponse:
        self.request, self.metadata = request, metadata
        made = runs.Run(name="workspaces/lab/runs/c", experiment=request.run.experiment, state=runs.Run.STATE_QUEUED)
        return service.CreateRunResponse(run=made)


async def submitted(**parameters: Any) -> Runs:
    lease = agents.Lease(run=OWN, run_token="token")
    fake: Any = Runs()
    request = RunRequest(lease, RunFolder(Path("/nowhere")), "7", parameters)
    known = await Submitting(fake, lambda workspace: None).submit_child(request)  # type: ignore[arg-type,return-value]
    assert (known["id"], known["status"]) == ("c", "Queued")
    made: Runs = fake
    return made


async def test_a_child_has_what_its_parent_has_but_its_secrets(tmp_path: Path) -> None:
    asked = await submitted(script="a.py")
    child = asked.request.run
    for field in ("experiment", "environment", "snapshot", "pool", "isolation", "resources", "network_disabled"):
        assert getattr(child, field) == getattr(OWN, field), field
    assert (child.parent_run, child.kind, child.priority) == (OWN.name, runs.RUN_KIND_TRAINING, 3)
    assert not child.secret_environment_variables
    assert not child.HasField("time_limit")
    assert (asked.request.request_id, asked.metadata) == ("7-child", (("authorization", "Bearer token"),))


@pytest.mark.parametrize(
    ("environment", "name"),
    [("other", "environments/other"), ("other:2", "environments/other/versions/2")],
)
async def test_another_environment_is_named(environment: str, name: str) -> None:
    child = (await submitted(command=["true"], environment=environment, pool="small", time_limit=1.5)).request.run
    assert child.environment == f"workspaces/lab/{name}"
    assert (child.image, child.pool, child.time_limit.ToMilliseconds()) == ("", "small", 1500)


@pytest.mark.parametrize("parent", ["../x", "", "a/b", "x" * 2000])
async def test_a_parent_that_can_be_none_is_refused_or_the_run_itself(parent: str) -> None:
    if parent:
        with pytest.raises(InvalidArgument):
            await submitted(script="a.py", parent=parent)
    else:
        assert (await submitted(script="a.py", parent=parent)).request.run.parent_run == OWN.name
