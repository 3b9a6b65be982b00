"""A service over the database of an earlier version."""

from contextlib import AsyncExitStack
from pathlib import Path

from orris.artifacts.v1 import artifacts_pb2
from orris_kit.database import write
from orris_kit.database.opening import make_engine
from orris_kit.migration import migrate
from tests.contract.test_migrations import REVISIONS, plain, rows_of
from tests.servers.databases import NewDatabase

from .conftest import PARENT, beside_neighbours, until


async def test_what_ended_conversions_and_replicas_kept_is_released(tmp_path: Path, new_database: NewDatabase) -> None:
    url, rows = new_database(), rows_of(REVISIONS / "runs-0001.json")
    engine = make_engine(url, "orris_runs")
    with write(engine) as connection:
        migrate(connection, "orris_runs", "0001")
        for table, some in rows.items():
            connection.execute(plain(table, some[0]).insert(), some)
    engine.dispose()
    ids = {f"{PARENT}/runs/{row['id']}" for row in rows["runs"]}
    ended = {name for name in ids if name.rpartition("_")[2] in ("0000000c", "0000000e")}
    assert len(ended) == 2
    async with AsyncExitStack() as stack:
        service = await beside_neighbours(stack, tmp_path, database=url)
        service.artifacts.references = {name: artifacts_pb2.Reference(owner=name) for name in ids}
        await service.start()
        stack.push_async_callback(service.stop)
        await until(lambda: not ended & service.artifacts.references.keys())
        assert service.artifacts.references.keys() == ids - ended
