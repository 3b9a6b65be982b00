"""Services that have their database for themselves: processes that wait, are killed, and lose what they had."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
import sqlalchemy as sa

from orris_kit.database import DatabaseUnavailable, open_alone, open_database, open_shared, write
from orris_kit.database.claims import claim_on
from tests.servers.databases import NewDatabase
from tests.servers.postgres import postgres

SERVICE = """
import asyncio, sys
import sqlalchemy as sa
from orris_kit import logging
from orris_kit.database import open_alone

async def main():
    logging.setup("info", "text")
    async with open_alone(sys.argv[1], "orris_kit", sa.MetaData()):
        print("begins", file=sys.stderr, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
metadata = sa.MetaData()


class Services:
    """Processes that want one database."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self._url = url
        self._stack = stack

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", SERVICE, self._url], stderr=subprocess.PIPE, text=True)
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process


@pytest.fixture
def services(new_database: NewDatabase) -> Iterator[Services]:
    with ExitStack() as stack:
        yield Services(new_database(), stack)


def says(process: subprocess.Popen[str], words: str) -> None:
    """Wait until a process has said something; fail when it ends without."""
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}, but {told}")


def test_a_second_service_stands_by_until_the_first_is_killed(services: Services) -> None:
    first = services.start()
    says(first, "begins")
    second = services.start()
    says(second, "another kit service uses this database; waiting until it ends")
    first.kill()
    says(second, "the other kit service has ended; this one takes over")
    says(second, "begins")


@pytest.mark.needs("postgres")
async def test_who_was_superseded_is_told_to_end_and_writes_nothing_more(new_postgres: NewDatabase) -> None:
    url = new_postgres()
    ended = asyncio.Event()
    async with open_alone(url, "orris_kit", metadata, ended.set) as engine:
        other = open_database(url, "orris_kit", metadata)
        claim = claim_on(other)
        assert not claim.take()
        while not claim.take():  # the first one may have been quicker to take it again
            end_claims(url)
        await asyncio.wait_for(ended.wait(), 10)
        with pytest.raises(DatabaseUnavailable), write(engine):
            pass
        claim.release()
        other.dispose()


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("opened", [open_alone, open_shared])
async def test_a_service_waits_for_its_database_and_goes_on_when_it_was_away(opened: object) -> None:
    with postgres() as server:
        url = server.create("lab")
        assert server.program is not None
        server.program.stop()
        opening = opened(url, "orris_kit", metadata)  # type: ignore[operator]  # one of the two above
        entering = asyncio.create_task(opening.__aenter__())
        await asyncio.sleep(0)
        await asyncio.to_thread(server.program.start)
        engine = await asyncio.wait_for(entering, 10)
        try:
            server.program.stop()
            with pytest.raises(DatabaseUnavailable), write(engine):
                pass
            await asyncio.to_thread(server.program.start)
            async with asyncio.timeout(10):
                while not await asyncio.to_thread(can_write, engine):  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.05)
        finally:
            await opening.__aexit__(None, None, None)


def end_claims(url: str) -> None:
    """End the sessions that hold claims."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )


def can_write(engine: sa.Engine) -> bool:
    try:
        with write(engine):
            return True
    except DatabaseUnavailable:
        return False
