"""Conversions from registration to verdict, over gRPC, through restarts and hostile outputs."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from typing import Any

import joblib
import pytest
import sklearn

from orris.models.v1 import models_pb2, models_service_pb2
from orris.runs.v1 import runs_pb2
from orris_models.program import PACKAGES
from tests.fakes.models_neighbours import IMAGE, OVERLAY
from tests.integration.models.conftest import SKLEARN, Neighbourhood
from tests.integration.models.estimators import fit

Run = runs_pb2.Run
State = models_pb2.Conversion

REPORT = {
    "signature": {
        "estimator": "sklearn.svm.SVC",
        "framework_version": "1.4.0",
        "inputs": [{"name": "", "type": "NUMBER"}],
        "methods": ["predict"],
        "accepts_nan": False,
        "one_dimensional": False,
        "classes_json": ["0"],
    },
    "verdict": "VERIFIED",
    "message": "equal",
    "probe_source": "LEARNED",
    "probe_count": 300,
    "parity": [{"method": "predict", "compared": 300, "different": 0, "max_absolute_difference": 0.0}],
}


async def register(around: Neighbourhood, data: bytes = b"model") -> Any:
    return await around.create(tree=await around.tree(model_dot_pkl=data), image=IMAGE, framework=SKLEARN)


async def until(happened: Callable[[], bool]) -> None:
    """Wait at most 5 seconds."""
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def run_of(around: Neighbourhood) -> str:
    """Wait for the conversion's run."""
    await until(lambda: bool(around.runs.runs))
    return next(iter(around.runs.runs))


async def test_a_registered_model_ends_as_a_verified_graph(around: Neighbourhood) -> None:
    """The whole way: overlay, snapshot, the real program in a process, its report and graph."""
    around.runs.execute = True
    stream = io.BytesIO()
    joblib.dump(fit("svc")[0], stream)
    made = await register(around, stream.getvalue())
    assert made.conversion.state == State.STATE_PENDING
    version, states = await around.end_of(made.name)
    assert version.conversion.state == State.STATE_VERIFIED, version.conversion.message
    assert states[-1] == "VERIFIED"
    assert list(dict.fromkeys(states)) == [each for each in ("PENDING", "RUNNING", "VERIFIED") if each in states]
    assert version.signature.estimator == "sklearn.svm.SVC"
    graph = await around.artifacts.files(version.conversion.onnx_tree)
    assert [file.path for file in graph] == ["model.onnx"]
    assert await around.referenced(made.name) == {made.tree, version.conversion.onnx_tree}
    run = around.runs.runs[version.conversion.run]
    assert (run.image, run.kind) == (OVERLAY, runs_pb2.RUN_KIND_CONVERSION)
    assert run.time_limit.seconds == 600
    assert tuple(around.images.overlays[0].overlay.pip_packages) == PACKAGES


async def test_where_the_overlay_cannot_be_made_the_model_is_inspected_in_its_own_image(around: Neighbourhood) -> None:
    around.runs.execute = True
    around.images.error = "no version of onnxruntime fits Python 3.6\nmore"
    stream = io.BytesIO()
    joblib.dump(fit("svc")[0], stream)
    version, _ = await around.end_of((await register(around, stream.getvalue())).name)
    assert version.conversion.state == State.STATE_UNSUPPORTED
    assert "no version of onnxruntime fits Python 3.6;" in version.conversion.message
    assert version.signature.estimator == "sklearn.svm.SVC"
    assert around.runs.runs[version.conversion.run].image == IMAGE


async def test_where_the_lock_knows_no_packages_the_version_found_in_the_examination_is_recorded(
    around: Neighbourhood,
) -> None:
    """An interpreter that its user looks after: only what runs in it can tell."""
    around.runs.execute = True
    around.images.packages = {}
    stream = io.BytesIO()
    joblib.dump(fit("svc")[0], stream)
    made = await register(around, stream.getvalue())
    assert made.recorded_framework_version == ""
    version, _ = await around.end_of(made.name)
    assert version.recorded_framework_version == sklearn.__version__


async def test_what_cannot_be_loaded_fails_with_the_programs_last_line(around: Neighbourhood) -> None:
    around.runs.execute = True
    version, _ = await around.end_of((await register(around, b"no pickle at all")).name)
    assert version.conversion.state == State.STATE_FAILED
    assert "cannot load model.pkl" in version.conversion.message
    assert not version.HasField("signature")


async def test_a_restart_goes_on_with_the_same_run(around: Neighbourhood) -> None:
    made = await register(around)
    run = await run_of(around)
    around.runs.move(run, Run.STATE_RUNNING)
    async for answer in around.stub().WatchModelVersion(models_service_pb2.WatchModelVersionRequest(name=made.name)):
        if answer.model_version.conversion.state == State.STATE_RUNNING:
            break
    await around.stop()
    await finish(around, run, REPORT, graph=b"graph")
    await around.start()
    version, _ = await around.end_of(made.name)
    assert version.conversion.state == State.STATE_VERIFIED
    assert (version.conversion.run, len(around.runs.created)) == (run, 1)


async def test_a_restart_before_the_run_was_recorded_makes_no_second_one(around: Neighbourhood) -> None:
    made = await register(around)
    run = await run_of(around)
    await around.stop()
    forget_run(around)
    await around.start()
    await until(lambda: around.runs.calls["CreateRun"] >= 2)
    await finish(around, run, REPORT, graph=b"graph")
    version, _ = await around.end_of(made.name)
    assert (version.conversion.state, len(around.runs.created)) == (State.STATE_VERIFIED, 1)


@pytest.mark.parametrize(
    ("report", "graph", "said"),
    [
        (None, b"graph", "no report"),
        ({**REPORT, "verdict": "SURE"}, b"graph", "cannot be used"),
        ({**REPORT, "message": "x" * (1 << 20)}, b"graph", "no report of at most 1 MiB"),
        (REPORT, b"", "left no graph"),
    ],
)
async def test_outputs_of_hostile_code_are_a_failure(
    around: Neighbourhood, report: dict[str, Any] | None, graph: bytes, said: str
) -> None:
    made = await register(around)
    await finish(around, await run_of(around), report, graph=graph)
    version, _ = await around.end_of(made.name)
    assert version.conversion.state == State.STATE_FAILED
    assert said in version.conversion.message
    assert not version.conversion.onnx_tree


async def test_a_graph_that_is_not_verified_is_not_kept(around: Neighbourhood) -> None:
    made = await register(around)
    await finish(around, await run_of(around), {**REPORT, "verdict": "DIFFERENT"}, graph=b"graph")
    version, _ = await around.end_of(made.name)
    assert (version.conversion.state, version.conversion.onnx_tree) == (State.STATE_DIFFERENT, "")
    assert version.HasField("signature")


async def test_outputs_that_were_collected_before_they_were_read_are_made_again(around: Neighbourhood) -> None:
    """The service was away for longer than what nobody refers to is kept."""
    made = await register(around)
    first = await run_of(around)
    await around.stop()
    around.runs.move(first, Run.STATE_COMPLETED, outputs=f"workspaces/lab/trees/{'0' * 64}")
    await around.start()
    await until(lambda: len(around.runs.runs) == 2)
    (second,) = around.runs.runs.keys() - {first}
    await finish(around, second, REPORT, graph=b"graph")
    version, _ = await around.end_of(made.name)
    assert (version.conversion.state, version.conversion.run) == (State.STATE_VERIFIED, second)
    assert await around.referenced(made.name) == {made.tree, version.conversion.onnx_tree}


async def test_a_canceled_run_is_a_failure(around: Neighbourhood) -> None:
    made = await register(around)
    around.runs.move(await run_of(around), Run.STATE_CANCELED)
    version, _ = await around.end_of(made.name)
    assert version.conversion.state == State.STATE_FAILED
    assert "canceled" in version.conversion.message


async def test_a_version_deleted_meanwhile_stays_deleted(around: Neighbourhood) -> None:
    made = await register(around)
    run = await run_of(around)
    await around.stub().DeleteModelVersion(models_service_pb2.DeleteModelVersionRequest(name=made.name))
    await finish(around, run, REPORT, graph=b"graph")
    await asyncio.sleep(0.3)
    assert await around.referenced(made.name) == set()


async def finish(around: Neighbourhood, run: str, report: dict[str, Any] | None, *, graph: bytes) -> None:
    files = {"outputs/report.json": json.dumps(report).encode()} if report else {}
    files |= {"outputs/model.onnx": graph} if graph else {}
    stored = await around.artifacts.upload("lab", {**files, "logs/x": b"x"})
    around.runs.move(run, Run.STATE_COMPLETED, outputs=await around.artifacts.create_tree("lab", stored))


def forget_run(around: Neighbourhood) -> None:
    """Bring the database to where it was before the run was recorded."""
    import sqlite3

    with sqlite3.connect(around.home / "models" / "models.db") as database:
        conversion = json.loads(database.execute("select conversion from model_versions").fetchone()[0])
        database.execute("update model_versions set conversion = ?", (json.dumps({**conversion, "run": ""}),))
