"""What endpoints count outlives the service, on databases of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from orris_inference.core import Endpoints
from orris_inference.counts import Counts
from orris_inference.model import Endpoint
from orris_inference.routes import Routes
from orris_inference.schema import metadata
from orris_kit.database import open_database
from tests.servers.databases import NewDatabase
from tests.unit.inference.test_endpoints_at_once import WISH


@pytest.fixture
def engine(new_database: NewDatabase) -> Iterator[sa.Engine]:
    engine = open_database(new_database("orris_inference", metadata), "orris_inference", metadata)
    yield engine
    engine.dispose()


def endpoint(engine: sa.Engine) -> Endpoint:
    core = Endpoints(engine, lambda: datetime(2026, 7, 1, tzinfo=UTC))
    return core.create("lab", "iris", WISH, overwrite=False, request_id="", by="ada")[0]


def routes() -> Routes:
    nobody: Any = None
    return Routes(nobody, allow_open=False)


async def test_counts_go_on_after_a_restart_and_end_with_their_endpoint(engine: sa.Engine) -> None:
    mine = endpoint(engine)
    for total in (1, 2):
        known = routes()
        async with AsyncExitStack() as stack:
            await Counts(engine, known).keep(stack)
            known.set(mine).statistics.answered_in(0.01)
        assert known.find("iris").statistics.answered.count == total
    other = routes()
    async with AsyncExitStack() as stack:
        await Counts(engine, other).keep(stack)
    assert set(other.counted()) == {mine.uid}, "nothing is lost before endpoints are set"
    async with AsyncExitStack() as stack:
        await Counts(engine, other).keep(stack)
        other.set(mine)
        other.remove("iris", mine.uid)
        other.set(replace(mine, uid="another"))
    assert set(other.counted()) == {"another"}
    again = routes()
    async with AsyncExitStack() as stack:
        await Counts(engine, again).keep(stack)
        assert set(again.counted()) == {"another"}
        assert again.set(replace(mine, uid="another")).statistics.answered.count == 0
