"""An agent that is root reads what a container wrote: never anything else, whatever the container does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.execution import Execution
from orris_agent.folder import RunFolder
from orris_agent.requests import RequestServer
from orris_agent.run_file import RunFile
from orris_agent.shipping import STD_LOG
from tests.servers.docker import Engine
from tests.servers.runtimes import Machine
from tests.unit.agent.test_shipping import StoredReports

pytestmark = pytest.mark.needs("docker")


class Reports(StoredReports):
    """Stands in for the server."""

    def __init__(self) -> None:
        super().__init__()
        self.finished = agents.FinishRunRequest()
        self.warnings: list[str] = []

    async def state(self, state: Any, reason: str = "", warnings: Any = ()) -> bool:
        self.warnings += warnings
        return False

    async def finished_at_once(self, outcome: agents.FinishRunRequest) -> bool:
        return False

    async def finish(self, outcome: agents.FinishRunRequest) -> None:
        self.finished = outcome
        await super().finish(outcome)


class Storage:
    """Stands in for the artifacts: reads what is uploaded."""

    def __init__(self) -> None:
        self.uploaded: dict[str, bytes] = {}

    async def download(self, tree: str, folder: Path) -> None:
        await asyncio.to_thread(folder.mkdir)

    async def upload(self, files: Mapping[str, RunFile]) -> str:
        for name, content in files.items():
            with content.open() as file:
                self.uploaded[name] = file.read(0, content.size)
        return f"workspaces/lab/trees/{0:064x}"

    async def paths(self, tree: str) -> set[str]:
        return set()


async def executed(engine: Engine, folder: Path, script: str) -> tuple[Reports, Storage, RunFolder]:
    machine, reports, storage = Machine(folder, engine.host), Reports(), Storage()
    lease, run_folder = machine.run("/bin/sh", "-c", script)
    run_folder.work.rmdir()
    lease.image.CopyFrom(machine.image)
    made: Any = Execution(lease, run_folder, reports, storage, machine.runtime(), RequestServer({}))  # type: ignore[arg-type]
    async with asyncio.timeout(60):
        await made.run()
    assert not run_folder.root.exists()
    return reports, storage, run_folder


async def test_what_a_run_keeps_is_its_own(engine: Engine, tmp_path: Path) -> None:
    script = """
mkdir -p outputs logs deep
echo model > deep/model; ln -s ../deep/model outputs/model; ln -s /orris/run/work/deep/model outputs/absolute
ln -s /etc/shadow outputs/shadow; ln -s ../../../lease.json outputs/lease
ln -s ../../control/command.json outputs/command
ln -s /etc logs/etc; ln -s /etc/passwd logs/passwd.log; mkfifo logs/pipe.log outputs/pipe; echo fine > logs/fine.log
"""
    reports, storage, _ = await executed(engine, tmp_path / "agent", script)
    assert reports.finished.state == runs.Run.STATE_COMPLETED
    assert storage.uploaded == {
        "outputs/model": b"model\n",
        "outputs/absolute": b"model\n",
        "logs/fine.log": b"fine\n",
    }
    assert {name for name in reports.logs if name.startswith("logs/")} == {"logs/fine.log"}


async def test_folders_that_are_links_are_not_kept(engine: Engine, tmp_path: Path) -> None:
    reports, storage, _ = await executed(engine, tmp_path / "agent", "ln -s /etc outputs; ln -s /root logs")
    assert reports.finished.state == runs.Run.STATE_COMPLETED
    assert storage.uploaded == {}


async def test_a_log_that_becomes_a_link_while_it_is_followed(engine: Engine, tmp_path: Path) -> None:
    script = f"""
echo before; sleep 0.5
ln -sf /etc/passwd ../std_log.txt; ln -sf {tmp_path}/agent/secret ../journal.jsonl; sleep 0.5
"""
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "secret").write_text('{"event": "tag", "key": "stolen", "value": "x"}\n')
    reports, _, _ = await executed(engine, tmp_path / "agent", script)
    assert reports.finished.state == runs.Run.STATE_COMPLETED
    assert reports.logs[STD_LOG] in (b"before\n", b"")
    assert reports.received == []


@pytest.mark.parametrize(
    "harm",
    [
        "truncate -s 1T ../exit.json; mkdir ../.exit.json.d",
        "ln -s /etc/passwd ../exit.json",
        "rm -f ../.exit.json; mkdir ../exit.json; touch ../exit.json/x",
    ],
)
async def test_a_record_that_the_run_spoils_spoils_only_the_run(engine: Engine, tmp_path: Path, harm: str) -> None:
    """The supervisor's takes its place, or the run has none: then it has failed."""
    reports, _, _ = await executed(engine, tmp_path / "agent", f"{harm}; exit 0")
    assert reports.finished.state in (runs.Run.STATE_COMPLETED, runs.Run.STATE_FAILED)
    assert "root:" not in reports.finished.error.message + reports.finished.error.details


async def test_a_record_written_by_the_run_does_not_end_it_early(engine: Engine, tmp_path: Path) -> None:
    """What ends a run is the end of its container."""
    forged = (
        '{"exit_code": 0, "signal": null, "reason": null, "message": "", "start_time": 1, "end_time": 2, '
        '"max_rss_bytes": 0, "cpu_seconds": 0}'
    )
    script = f"echo '{forged}' > ../exit.json; sleep 1; echo late; exit 7"
    reports, _, _ = await executed(engine, tmp_path / "agent", script)
    assert reports.finished.error.exit_code == 7
    assert reports.logs[STD_LOG] == b"late\n"


async def test_a_socket_that_the_run_replaces_is_not_the_agents(engine: Engine, tmp_path: Path) -> None:
    """The agent's is in a folder that the run cannot write to."""
    script = "rm ../run.sock; ln -s /etc/passwd ../run.sock; rm -f /orris/control/run.sock; ls /orris/control"
    reports, _, _ = await executed(engine, tmp_path / "agent", script)
    assert b"run.sock\n" in reports.logs[STD_LOG]


async def test_a_folder_that_nobody_may_enter_is_removed_all_the_same(engine: Engine, tmp_path: Path) -> None:
    reports, _, _ = await executed(engine, tmp_path / "agent", "mkdir -p outputs/a; chmod 0 outputs/a outputs")
    assert reports.finished.state == runs.Run.STATE_COMPLETED
