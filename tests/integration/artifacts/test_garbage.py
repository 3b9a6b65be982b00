"""Collecting garbage, and asking how much is kept, through a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import from_rpc_error
from orris.sdk.connection import Connection
from orris.sdk.storage import Garbage, storage_of
from orris.sdk.workspace import Workspace
from orris_artifacts import schema
from orris_artifacts.config import Settings
from orris_kit.database import write
from orris_kit.database.opening import make_engine
from tests.integration.artifacts.conftest import Running, served

LAB = "workspaces/lab"
DAY = timedelta(days=1)


def age(running: Running, by: timedelta) -> None:
    """Let all that is stored have been used so much earlier."""
    engine = make_engine(running.settings.database_url, "orris_artifacts")
    with write(engine) as connection:
        for table in (schema.blobs, schema.trees):
            earlier = sa.type_coerce(table.c.use_time, sa.BigInteger) - by // timedelta(microseconds=1)
            connection.execute(table.update().values(use_time=earlier))
    engine.dispose()


def collect(running: Running, **fields: Any) -> list[rpc.CollectGarbageResponse]:
    return list(running.stub().CollectGarbage(rpc.CollectGarbageRequest(parent=LAB, **fields)))


async def test_what_nobody_needs_goes_and_the_rest_can_be_downloaded(
    running: Running, source: Path, tmp_path: Path
) -> None:
    (source / "kept.txt").write_text("kept")
    kept = await asyncio.to_thread(running.transfer().upload, {"kept.txt": source / "kept.txt"})
    (source / "loose.txt").write_text("loose")
    await asyncio.to_thread(running.transfer().upload, {"loose.txt": source / "loose.txt"})
    reference = pb.Reference(owner=f"{LAB}/runs/r", trees=[kept.name])
    refer = running.stub("service@-").SetReference
    await asyncio.to_thread(refer, rpc.SetReferenceRequest(parent=LAB, reference=reference))
    assert [each.done for each in await asyncio.to_thread(collect, running)] == [True]
    age(running, 2 * DAY)
    told = (await asyncio.to_thread(collect, running, dry_run=True))[-1]
    done = (await asyncio.to_thread(collect, running))[-1]
    assert told.done
    assert done.done
    assert told.garbage == pb.Garbage(tree_count=1, blob_count=1, blob_bytes=5)
    # The object is young: who sent it might still be about to say so.
    assert done.garbage == pb.Garbage(tree_count=1, blob_count=1, blob_bytes=5)
    await asyncio.to_thread(running.transfer().download, kept.name, tmp_path / "target")
    assert (tmp_path / "target" / "kept.txt").read_text() == "kept"


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(0, "GRACE_TOO_SHORT"), (599, "GRACE_TOO_SHORT"), (-(2**62), "GRACE_TOO_SHORT"), (600, "OK"), (2**62, "OK")],
)
async def test_any_length_of_time_is_understood_or_refused(running: Running, seconds: int, reason: str) -> None:
    request = rpc.CollectGarbageRequest(parent=LAB)
    request.grace.seconds = seconds

    def ask() -> str:
        try:
            list(running.stub().CollectGarbage(request))
        except grpc.RpcError as error:
            return str(from_rpc_error(error).reason)
        return "OK"

    assert await asyncio.to_thread(ask) == reason


async def test_the_library_tells_what_is_kept_and_what_was_collected(running: Running, source: Path) -> None:
    for name in ("a", "b"):
        (source / name).write_text("the same")
    await asyncio.to_thread(running.transfer().upload, {name: source / name for name in ("a", "b")})
    workspace = Workspace("lab", connection=Connection(f"127.0.0.1:{running.port}", "user@lab"))
    found = await asyncio.to_thread(storage_of, workspace)
    assert (found.trees, found.files, found.file_bytes, found.blobs, found.blob_bytes) == (1, 2, 16, 1, 8)
    assert found.deduplication == 2
    assert found.collected is None
    age(running, 2 * DAY)
    collected = await asyncio.to_thread(lambda: workspace.collect_garbage(DAY))
    assert collected == Garbage(trees=1, blobs=1, blob_bytes=8)
    found = await asyncio.to_thread(storage_of, workspace)
    assert (found.blobs, found.deduplication) == (0, None)
    assert found.collected is not None


@pytest.mark.parametrize(("interval", "collects"), [(1, True), (0, False)])
async def test_the_service_collects_by_itself_if_it_is_told_to(
    tmp_path: Path, source: Path, interval: int, collects: bool
) -> None:
    made = Running(tmp_path / "home")
    made.settings = Settings(home=tmp_path / "home", sweep_interval=interval)
    async with served(made) as running:
        (source / "loose.txt").write_text("loose")
        await asyncio.to_thread(running.transfer().upload, {"loose.txt": source / "loose.txt"})
        age(running, 2 * DAY)
        workspace = Workspace("lab", connection=Connection(f"127.0.0.1:{running.port}", "user@lab"))
        found = await asyncio.to_thread(storage_of, workspace)
        async with asyncio.timeout(20):
            while collects and (found.blobs or found.collected is None):
                await asyncio.sleep(0.05)
                found = await asyncio.to_thread(storage_of, workspace)
        assert (found.collected is not None, found.blobs) == (collects, 0 if collects else 1)
