"""What runs keep at the artifacts: what they need, and in the end nothing more."""

import pytest
import sqlalchemy as sa

from orris.artifacts.v1 import artifacts_pb2
from orris.errors import NotFound, Unavailable
from orris.names import RunName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris_kit.database import read, write
from orris_kit.database.opening import make_engine
from orris_runs.schema import loose_references

from .conftest import PARENT, FakeAgent, Service, State, until


def note(service: Service, run: str) -> None:
    """Note a run in the database, as a service does that is killed before it records the run."""
    engine = make_engine(service.settings.database_url, "orris_runs")
    name = RunName.parse(run)
    with write(engine) as connection:
        row = {"workspace": name.workspace, "run": name.run, "given_up": False}
        connection.execute(loose_references.insert().values(row))
    engine.dispose()


def noted(service: Service) -> list[str]:
    """Return the runs that are noted in the database."""
    engine = make_engine(service.settings.database_url, "orris_runs")
    with read(engine) as connection:
        found = [str(row.run) for row in connection.execute(sa.select(loose_references))]
    engine.dispose()
    return found


@pytest.mark.parametrize("kind", [runs_pb2.RUN_KIND_CONVERSION, runs_pb2.RUN_KIND_REPLICA])
async def test_a_conversion_and_a_replica_keep_their_files_until_they_end(service: Service, kind: int) -> None:
    agent = await FakeAgent(service).connect(replica_slots=1)
    run = await service.submit(kind=kind)
    lease = await agent.lease()
    assert list(service.artifacts.references[run.name].trees) == [run.snapshot]
    await agent.finish(lease.id, outputs=service.artifacts.tree("outputs/model.onnx"))
    await until(lambda: run.name not in service.artifacts.references)


@pytest.mark.parametrize("state", [State.STATE_COMPLETED, State.STATE_FAILED, State.STATE_CANCELED])
async def test_a_training_keeps_its_files_however_it_ends(service: Service, state: int) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    outputs = service.artifacts.tree("outputs/model.pkl")
    await agent.finish((await agent.lease()).id, state, outputs=outputs)
    assert set(service.artifacts.references[run.name].trees) == {run.snapshot, outputs}
    await service.restart()
    conversion = await service.submit(kind=runs_pb2.RUN_KIND_CONVERSION)
    await service.runs.CancelRun(pb.CancelRunRequest(name=conversion.name))
    await until(lambda: conversion.name not in service.artifacts.references)
    assert set(service.artifacts.references[run.name].trees) == {run.snapshot, outputs}


async def test_a_conversions_log_stays_when_its_files_go(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit(kind=runs_pb2.RUN_KIND_CONVERSION)
    lease = await agent.lease()
    await agent.log(lease.id, 0, b"said\n" * 50_000)
    await agent.finish(lease.id, outputs=service.artifacts.tree("outputs/model.onnx"))

    def kept() -> tuple[int, int]:
        found = service.artifacts.references.get(run.name, artifacts_pb2.Reference())
        return len(found.trees), len(found.blobs)

    await until(lambda: kept() == (0, 1))
    await service.restart()
    await until(lambda: noted(service) == [])
    assert kept() == (0, 1)


async def test_what_cannot_be_released_is_released_later(service: Service) -> None:
    run = await service.submit(kind=runs_pb2.RUN_KIND_CONVERSION)
    service.artifacts.down = True
    await service.runs.CancelRun(pb.CancelRunRequest(name=run.name))
    tried = service.artifacts.calls["DeleteReference"]
    await until(lambda: service.artifacts.calls["DeleteReference"] > tried)
    await service.restart()
    service.artifacts.down = False
    await until(lambda: run.name not in service.artifacts.references)


async def test_a_submission_that_was_killed_keeps_nothing_after_the_next_start(service: Service) -> None:
    kept = await service.submit()
    name = f"{PARENT}/runs/iris_1_killed"
    note(service, name)
    service.artifacts.references[name] = service.artifacts.references[kept.name]
    await service.restart()
    await until(lambda: name not in service.artifacts.references)
    assert list(service.artifacts.references) == [kept.name]


async def test_a_submission_whose_neighbour_fails_keeps_nothing(service: Service) -> None:
    with pytest.raises(NotFound):
        await service.submit(environment=f"{PARENT}/environments/unknown")
    service.artifacts.down = True
    with pytest.raises(Unavailable):
        await service.submit()
    service.artifacts.down = False
    await until(lambda: service.artifacts.references == {})
    run = await service.submit()
    assert list(service.artifacts.references) == [run.name]
