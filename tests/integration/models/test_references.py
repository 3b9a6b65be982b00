"""What versions keep at the artifacts, while callers hang up and neighbours are away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orris.errors import Cancelled, NotFound
from orris.models.v1 import models_pb2, models_service_pb2
from tests.fakes.models_neighbours import IMAGE
from tests.integration.models.conftest import LAB, SKLEARN, Neighbourhood
from tests.integration.models.test_following import run_of

VERSION = f"{LAB}/models/iris/versions/1"


async def delete(around: Neighbourhood, name: str) -> None:
    await around.stub().DeleteModelVersion(models_service_pb2.DeleteModelVersionRequest(name=name))


async def register(around: Neighbourhood) -> Any:
    return await around.create(tree=await around.tree(model_dot_bin=b"model"), framework=models_pb2.FRAMEWORK_CUSTOM)


async def nothing_is_kept(around: Neighbourhood, name: str) -> None:
    async with asyncio.timeout(20):
        while await around.referenced(name):  # noqa: ASYNC110  # another service has no event for it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_is_deleted_while_the_artifacts_are_away_is_let_go_of_later(
    around: Neighbourhood, restarted: bool
) -> None:
    made = await register(around)
    await around.stop_artifacts()
    await delete(around, made.name)
    with pytest.raises(NotFound):
        await around.get(made.name)
    assert await around.referenced(made.name) == {made.tree}
    if restarted:
        await around.restart()
    await around.start_artifacts()
    await nothing_is_kept(around, made.name)


async def test_who_hangs_up_while_a_model_is_registered_stops_nothing_half_way(around: Neighbourhood) -> None:
    tree = await around.tree(model_dot_pkl=b"model")
    around.images.answers.clear()
    create = around.create(tree=tree, image=IMAGE, framework=SKLEARN, request_id="once")
    call = asyncio.create_task(create)
    await around.images.asked.wait()
    call.cancel()
    with pytest.raises((asyncio.CancelledError, Cancelled)):
        await call
    around.images.answers.set()
    run = await run_of(around)
    assert around.runs.runs[run].tags["model"] == VERSION
    assert await around.referenced(VERSION) == {tree}
    again = await around.create(tree=tree, image=IMAGE, framework=SKLEARN, request_id="once")
    assert again.name == VERSION
