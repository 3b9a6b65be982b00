"""The end of a run: its outputs are kept and told of, however long nobody can be told."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from orris.errors import FailedPrecondition, NotFound
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2
from orris.sdk.small_files import MOST_BYTES
from orris_agent import execution
from orris_agent.execution import INSTALL_LOG, Execution
from orris_agent.exits import Exit
from orris_agent.folder import RunFolders
from orris_agent.places import Place, Places
from orris_agent.requests import RequestServer
from orris_agent.run_file import RunFile
from orris_agent.runtimes.port import Ending, ImageGoneError, NotNowError, StartError
from orris_agent.runtimes.process.runtime import ProcessRuntime
from orris_agent.shipping import STD_LOG
from tests.unit.agent.test_shipping import StoredReports


class Reports(StoredReports):
    """Stands in for the server, which has lost the first so many outputs when it hears of them.

    `takes_files`: whether it can store those that come with an end now; `asked` counts the ends that files came with.
    `takes_back`: whether a run may wait for another agent.
    """

    def __init__(self, collected: int = 0, *, takes_files: bool = True) -> None:
        super().__init__()
        self.takes_files = takes_files
        self.handing_back = asyncio.Event()
        self.takes_back = True
        self.asked = 0
        self.collected = collected
        self.finished: list[agents.FinishRunRequest] = []
        self.reasons: list[str] = []
        self.warnings: list[str] = []

    async def state(self, state: Any, reason: str = "", warnings: Any = ()) -> None:
        self.reasons.append(reason)
        self.warnings += warnings

    async def finish(self, outcome: agents.FinishRunRequest) -> None:
        told = agents.FinishRunRequest()
        told.CopyFrom(outcome)
        self.finished.append(told)
        await super().finish(outcome)
        if len(self.finished) <= self.collected:
            raise NotFound(f"{outcome.outputs} is not stored", reason="TREE_NOT_FOUND")

    async def handed_back(self) -> bool:
        self.handing_back.set()
        return self.takes_back

    async def finished_at_once(self, outcome: agents.FinishRunRequest) -> bool:
        self.asked += 1
        if self.takes_files:
            await self.finish(outcome)
        return self.takes_files


class Storage:
    """Stands in for the artifacts: each upload gives another tree."""

    def __init__(self) -> None:
        self.uploads: list[list[str]] = []
        self.left: list[list[str]] = []
        self.refuses: Exception | None = None
        self.hangs: asyncio.Event | None = None

    async def upload(self, files: Mapping[str, RunFile]) -> str:
        if self.hangs is not None:
            self.hangs.set()
            await asyncio.Event().wait()
        assert all(map(os.path.exists, files.values()))
        self.uploads.append(sorted(files))
        return f"workspaces/lab/trees/{len(self.uploads):064x}"

    async def download(self, tree: str, folder: Path) -> None:
        await asyncio.to_thread(folder.mkdir)

    async def paths(self, tree: str) -> set[str]:
        return set()

    async def leave(self, lease: agents.Lease, wanted: runs_pb2.RunOutput, tree: str) -> str:
        if self.refuses is not None:
            raise self.refuses
        self.left.append(self.uploads[int(tree.rpartition("/")[2], 16) - 1])
        return ""


async def executed(
    root: Path,
    reports: Reports,
    storage: Storage,
    exit_code: int = 0,
    reason: str | None = None,
    canceled: asyncio.Event | None = None,
    log: bytes = b"",
    model: bytes = bytes(MOST_BYTES + 1),
    **fields: Any,
) -> Execution:
    """Go on with a run that ended, and left a model, before this agent was started; cancel it when that is set."""
    lease = agents.Lease(id="l", run=runs_pb2.Run(name="workspaces/lab/runs/r", **fields))
    folder = RunFolders(root).create("r", lease.id)
    (folder.work / "outputs").mkdir(parents=True)
    (folder.work / "outputs" / "model.pkl").write_bytes(model)
    (folder.own / "leave" / "clean").mkdir(parents=True)
    (folder.own / "leave" / "clean" / "a.csv").write_bytes(b"1")
    (folder.root / "supervisor.json").write_text(json.dumps({"pid": 1, "start_ticks": 0}))
    ended = {
        "exit_code": exit_code,
        "signal": None,
        "reason": reason,
        "message": "",
        "start_time": 1.0,
        "end_time": 2.0,
    }
    (folder.root / "exit.json").write_text(json.dumps({**ended, "max_rss_bytes": 1, "cpu_seconds": 1.0}))
    folder.std_log.write_bytes(log)
    runtime = ProcessRuntime(None, {})  # type: ignore[arg-type]
    made = Execution(lease, folder, reports, storage, runtime, RequestServer({}))  # type: ignore[arg-type]
    running = asyncio.ensure_future(made.run())
    if canceled is not None:
        await canceled.wait()
        made.cancel()
    await running
    return made


async def test_outputs_are_told_of_and_the_folder_goes(tmp_path: Path) -> None:
    reports, storage = Reports(), Storage()
    made = await executed(tmp_path / "runs", reports, storage)
    (told,) = reports.finished
    assert (told.state, told.outputs) == (runs_pb2.Run.STATE_COMPLETED, f"workspaces/lab/trees/{1:064x}")
    assert storage.uploads == [["outputs/model.pkl"]]
    assert not made.folder.root.exists()


async def test_few_small_outputs_come_with_the_end(tmp_path: Path) -> None:
    reports, storage = Reports(), Storage()
    made = await executed(tmp_path / "runs", reports, storage, log=b"last words\n", model=b"model")
    (told,) = reports.finished
    assert (told.state, told.outputs, storage.uploads) == (runs_pb2.Run.STATE_COMPLETED, "", [])
    assert [entry.path for entry in told.output_files.entries] == ["outputs/model.pkl"]
    assert list(told.output_files.blobs) == [b"model"]
    assert reports.logs == {STD_LOG: b"last words\n"}
    assert not made.folder.root.exists()


async def test_outputs_that_cannot_be_stored_with_the_end_are_uploaded(tmp_path: Path) -> None:
    reports, storage = Reports(takes_files=False), Storage()
    await executed(tmp_path / "runs", reports, storage, log=b"last words\n", model=b"model")
    (told,) = reports.finished
    assert (reports.asked, told.outputs, told.HasField("output_files")) == (1, f"workspaces/lab/trees/{1:064x}", False)
    assert storage.uploads == [["outputs/model.pkl"]]
    assert reports.logs == {STD_LOG: b"last words\n"}


async def test_that_can_be_canceled_and_loses_no_log(tmp_path: Path) -> None:
    reports, storage = Reports(takes_files=False), Storage()
    storage.hangs = asyncio.Event()
    async with asyncio.timeout(5):
        await executed(tmp_path / "runs", reports, storage, log=b"last words\n", model=b"model", canceled=storage.hangs)
    (told,) = reports.finished
    assert (told.state, told.outputs, told.HasField("output_files")) == (runs_pb2.Run.STATE_CANCELED, "", False)
    assert reports.logs == {STD_LOG: b"last words\n"}


async def test_what_may_have_begun_before_the_machine_was_started_again_is_not_begun_again(tmp_path: Path) -> None:
    """Though nothing else is left of it."""
    reports, lease = Reports(), agents.Lease(id="l", run=runs_pb2.Run(name="workspaces/lab/runs/r"))
    folder = RunFolders(tmp_path / "runs").create("r", lease.id)
    (folder.root / "lease.json").write_text(json.dumps({"id": lease.id, "boot": "another"}))
    runtime = ProcessRuntime(None, {})  # type: ignore[arg-type]  # asked for no environment
    await Execution(lease, folder, reports, Storage(), runtime, RequestServer({})).run()  # type: ignore[arg-type]
    (told,) = reports.finished
    assert (told.state, told.error.code) == (runs_pb2.Run.STATE_FAILED, runs_pb2.RunError.CODE_SYSTEM)
    assert "machine restarted" in told.error.message


async def test_the_end_takes_along_what_was_written_last(tmp_path: Path) -> None:
    reports = Reports()
    await executed(tmp_path / "runs", reports, Storage(), log=b"last words\n")
    (told,) = reports.finished
    assert runs_pb2.Run.STATE_FINALIZING not in reports.states
    assert [each.end for each in told.logs] == [True]
    assert (reports.logs, reports.ended) == ({STD_LOG: b"last words\n"}, {STD_LOG})


async def test_what_was_written_last_does_not_wait_for_outputs_that_take_long(tmp_path: Path) -> None:
    """The run's place is free from then on."""
    reports, storage, done = Reports(), Storage(), asyncio.Event()
    storage.hangs = asyncio.Event()
    running = asyncio.ensure_future(executed(tmp_path / "runs", reports, storage, log=b"last words\n", canceled=done))
    async with asyncio.timeout(5):
        while runs_pb2.Run.STATE_FINALIZING not in reports.states:  # noqa: ASYNC110 - a list
            await asyncio.sleep(0.01)
    assert (reports.logs, reports.ended) == ({STD_LOG: b"last words\n"}, {STD_LOG})
    done.set()
    await running
    (told,) = reports.finished
    assert not told.logs


TO_LEAVE = [runs_pb2.RunOutput(name="clean"), runs_pb2.RunOutput(name="empty")]


async def test_what_a_run_was_to_leave_is_kept_and_told_of(tmp_path: Path) -> None:
    reports, storage = Reports(), Storage()
    await executed(tmp_path / "runs", reports, storage, outputs_to=TO_LEAVE)
    (told,) = reports.finished
    assert (told.state, [each.name for each in told.outputs_to]) == (runs_pb2.Run.STATE_COMPLETED, ["clean"])
    assert storage.left == [["a.csv"]]
    assert reports.warnings == ["The run has left nothing in the folder of its output empty."]


async def test_only_what_was_chosen_of_a_folder_is_kept(tmp_path: Path) -> None:
    reports, storage = Reports(), Storage()
    wanted = [
        runs_pb2.RunOutput(name="clean", source_globs=["*.txt", "*.csv"]),
        runs_pb2.RunOutput(name="empty", source_globs=["*.txt", "sub/**"]),
    ]
    await executed(tmp_path / "runs", reports, storage, outputs_to=wanted)
    assert storage.left == [["a.csv"]]
    assert reports.warnings == ["The run has left nothing that fits *.txt, sub/** in the folder of its output empty."]


async def test_a_run_whose_data_cannot_be_kept_has_failed_with_its_outputs(tmp_path: Path) -> None:
    reports, storage = Reports(), Storage()
    storage.refuses = FailedPrecondition("a file is in the way")
    await executed(tmp_path / "runs", reports, storage, outputs_to=TO_LEAVE)
    (told,) = reports.finished
    assert (told.state, told.error.code) == (runs_pb2.Run.STATE_FAILED, runs_pb2.RunError.CODE_DATA)
    assert "a file is in the way" in told.error.message
    assert [(each.name, each.tree) for each in told.outputs_to] == [("clean", f"workspaces/lab/trees/{2:064x}")]
    assert told.outputs == f"workspaces/lab/trees/{1:064x}"
    assert told.HasField("end_time")


@pytest.mark.parametrize(
    ("reason", "end"), [(None, runs_pb2.Run.STATE_FAILED), ("canceled", runs_pb2.Run.STATE_CANCELED)]
)
async def test_what_a_run_that_did_not_complete_has_left_is_kept_with_it_alone(
    tmp_path: Path, reason: str | None, end: int
) -> None:
    """And that there is nothing in some folder is nothing to be told."""
    reports, storage = Reports(), Storage()
    await executed(tmp_path / "runs", reports, storage, exit_code=1, reason=reason, outputs_to=TO_LEAVE)
    (told,) = reports.finished
    assert (told.state, storage.left, reports.warnings) == (end, [], [])
    assert [(each.name, each.tree, each.dataset) for each in told.outputs_to] == [
        ("clean", f"workspaces/lab/trees/{2:064x}", "")
    ]


async def test_outputs_that_were_collected_before_anybody_heard_of_them_are_stored_again(tmp_path: Path) -> None:
    reports, storage = Reports(collected=1), Storage()
    made = await executed(tmp_path / "runs", reports, storage)
    assert [told.outputs for told in reports.finished] == [f"workspaces/lab/trees/{n:064x}" for n in (1, 2)]
    assert {told.state for told in reports.finished} == {runs_pb2.Run.STATE_COMPLETED}
    assert storage.uploads == [["outputs/model.pkl"]] * 2
    assert not made.folder.root.exists()


@pytest.mark.parametrize(
    ("exit_code", "end"), [(0, runs_pb2.Run.STATE_CANCELED), (1, runs_pb2.Run.STATE_FAILED)], ids=["well", "failed"]
)
async def test_to_keep_what_a_program_has_left_can_be_canceled(tmp_path: Path, exit_code: int, end: int) -> None:
    """However long it would take, and though nobody answers; that the program failed is told all the same."""
    reports, storage = Reports(), Storage()
    storage.hangs = asyncio.Event()
    running = asyncio.ensure_future(executed(tmp_path / "runs", reports, storage, exit_code, canceled=storage.hangs))
    async with asyncio.timeout(5):
        made = await running
    (told,) = reports.finished
    assert (told.state, told.outputs, told.HasField("end_time")) == (end, "", True)
    assert told.HasField("error") == bool(exit_code)
    assert not made.folder.root.exists()


async def test_what_a_canceled_program_has_left_is_kept(tmp_path: Path) -> None:
    reports, storage = Reports(), Storage()
    now = asyncio.Event()
    now.set()
    await executed(tmp_path / "runs", reports, storage, 0, reason="canceled", canceled=now)
    (told,) = reports.finished
    assert (told.state, told.outputs) == (runs_pb2.Run.STATE_CANCELED, f"workspaces/lab/trees/{1:064x}")


class Runtime:
    """Stands in for a runtime that answers at the third attempt of everything, and whose runs end well."""

    preparing = "its image is being pulled"

    def __init__(self, away: int = 2) -> None:
        self.away = away
        self.attempts: list[str] = []
        self.hangs: asyncio.Event | None = None
        self.refuses: BaseException | None = None
        self.gone = 0
        self.on_start: Callable[[], None] = lambda: None

    def has_started(self, folder: Any) -> bool:
        return False

    def cancel(self, folder: Any) -> None:
        self.attempts.append("cancel")

    async def is_ready(self, lease: Any) -> bool:
        self._attempt("is_ready")
        return False

    async def make_ready(self, lease: Any, log: Any) -> None:
        log("pulling")
        if self.hangs is not None:
            self.hangs.set()
            await asyncio.Event().wait()
        self._attempt("make_ready")

    async def start(self, lease: Any, folder: Any) -> str:
        self._attempt("start")
        self.on_start()
        if self.gone:
            self.gone -= 1
            raise ImageGoneError("somebody removed it")
        if self.refuses is not None:
            raise self.refuses
        return ""

    async def published(self, lease: Any, folder: Any) -> str | None:
        self._attempt("published")
        return None

    async def wait(self, folder: Any) -> Ending:
        return Ending(Exit(0, None, None, "", 1.0, 2.0, 0, 0.0))

    async def end(self, folder: Any) -> None:
        self.attempts.append("end")

    def _attempt(self, name: str) -> None:
        self.attempts.append(name)
        if self.attempts.count(name) <= self.away:
            raise NotNowError(f"waits for the engine to {name}")


def begun(root: Path, reports: Reports, runtime: Runtime, place: Place | None = None) -> Execution:
    lease = agents.Lease(id="l", run=runs_pb2.Run(name="workspaces/lab/runs/r"))
    folder = RunFolders(root).create("r", lease.id)
    made: Any = (lease, folder, reports, Storage(), runtime, RequestServer({}), place)
    return Execution(*made)


async def test_a_run_says_what_it_waits_for_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_RETRY_SECONDS", 0)
    reports, runtime = Reports(), Runtime()
    await begun(tmp_path / "runs", reports, runtime).run()
    asked = ("is_ready", "make_ready", "start", "published")
    assert runtime.attempts == [name for name in asked for _ in range(3)] + ["end"]
    for name in asked:
        assert reports.reasons.count(f"waits for the engine to {name}") == 2
    assert reports.logs[INSTALL_LOG] == b"pulling\n" * 3
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_COMPLETED]


async def test_a_run_that_is_canceled_does_not_wait_for_its_image(tmp_path: Path) -> None:
    reports, runtime = Reports(), Runtime(away=0)
    runtime.hangs = asyncio.Event()
    made = begun(tmp_path / "runs", reports, runtime)
    running = asyncio.ensure_future(made.run())
    await runtime.hangs.wait()
    made.cancel()
    async with asyncio.timeout(5):
        await running
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_CANCELED]
    assert INSTALL_LOG in reports.ended
    assert "start" not in runtime.attempts


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (FailedPrecondition("no graphics processors"), runs_pb2.RunError.CODE_ENVIRONMENT),
        (StartError("no room"), runs_pb2.RunError.CODE_SYSTEM),
    ],
)
async def test_a_run_that_cannot_be_started_says_why(tmp_path: Path, refusal: Exception, code: int) -> None:
    reports, runtime = Reports(), Runtime(away=0)
    runtime.refuses = refusal
    await begun(tmp_path / "runs", reports, runtime).run()
    (told,) = reports.finished
    assert (told.error.code, told.error.message) == (code, str(refusal))
    assert runtime.attempts[-1] == "end"


async def test_what_was_waited_for_and_given_up_by_others_ends_the_run_with_a_word(tmp_path: Path) -> None:
    reports, runtime = Reports(), Runtime(away=0)
    runtime.refuses = asyncio.CancelledError()
    await begun(tmp_path / "runs", reports, runtime).run()
    (told,) = reports.finished
    assert told.error.code == runs_pb2.RunError.CODE_SYSTEM
    assert told.error.message.startswith("The agent failed to execute the run")
    assert runtime.attempts[-1] == "end"


async def test_an_image_that_has_gone_since_it_was_ready_is_made_ready_again(tmp_path: Path) -> None:
    reports, runtime = Reports(), Runtime(away=0)
    runtime.gone = 2
    await begun(tmp_path / "runs", reports, runtime).run()
    assert runtime.attempts == ["is_ready", *["make_ready", "start"] * 3, "published", "end"]
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_COMPLETED]
    logs = [INSTALL_LOG, *(INSTALL_LOG.replace(".txt", f"_{number}.txt") for number in (2, 3))]
    assert {name: reports.logs[name] for name in logs} == dict.fromkeys(logs, b"pulling\n")
    assert set(logs) <= reports.ended


async def test_a_run_that_is_canceled_does_not_wait_for_its_image_to_come_back(tmp_path: Path) -> None:
    reports, runtime = Reports(), Runtime(away=0)
    made = begun(tmp_path / "runs", reports, runtime)
    runtime.gone, runtime.on_start = 10_000, made.cancel
    async with asyncio.timeout(5):
        await made.run()
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_CANCELED]


async def taken() -> tuple[Places, Place]:
    """Return one place, and a program that has it."""
    places = Places(1)
    place = Place(places)
    assert await place.take(0)
    return places, place


async def test_a_run_that_was_leased_ahead_is_got_ready_and_begins_when_another_ends(tmp_path: Path) -> None:
    places, other = await taken()
    reports, runtime = Reports(), Runtime(away=0)
    running = asyncio.ensure_future(begun(tmp_path / "runs", reports, runtime, Place(places)).run())
    async with asyncio.timeout(5):
        while not places.waiting:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        assert runtime.attempts == ["is_ready", "make_ready"]
        other.leave()
        await running
    assert runtime.attempts[2:] == ["start", "published", "end"]
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_COMPLETED]
    assert await other.take(0)


async def test_it_is_handed_back_when_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_PATIENCE_SECONDS", 0)
    places, other = await taken()
    reports, runtime = Reports(), Runtime(away=0)
    made = begun(tmp_path / "runs", reports, runtime, Place(places))
    await made.run()
    assert (reports.finished, "start" in runtime.attempts, made.folder.root.exists()) == ([], False, False)
    other.leave()
    assert await other.take(0)


async def test_it_goes_on_waiting_where_nobody_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_PATIENCE_SECONDS", 0)
    places, other = await taken()
    reports, runtime = Reports(), Runtime(away=0)
    reports.takes_back = False
    running = asyncio.ensure_future(begun(tmp_path / "runs", reports, runtime, Place(places)).run())
    async with asyncio.timeout(5):
        await reports.handing_back.wait()
        other.leave()
        await running
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_COMPLETED]


async def test_it_can_be_canceled_while_it_waits(tmp_path: Path) -> None:
    places, other = await taken()
    reports, runtime = Reports(), Runtime(away=0)
    made = begun(tmp_path / "runs", reports, runtime, Place(places))
    running = asyncio.ensure_future(made.run())
    async with asyncio.timeout(5):
        while not places.waiting:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        made.cancel()
        await running
    assert [told.state for told in reports.finished] == [runs_pb2.Run.STATE_CANCELED]
    assert "start" not in runtime.attempts
    other.leave()
    assert await other.take(0)


async def test_a_program_that_has_ended_leaves_its_place_while_its_outputs_are_kept(tmp_path: Path) -> None:
    places, other = await taken()
    other.leave()
    reports, runtime = Reports(), Runtime(away=0)
    made = begun(tmp_path / "runs", reports, runtime, Place(places))
    hangs = asyncio.Event()
    monkey: Any = made
    monkey._storage.paths = lambda tree: hangs.wait()
    running = asyncio.ensure_future(made.run())
    async with asyncio.timeout(5):
        assert await other.take(5)
        assert not running.done()
        made.cancel()
        await running
