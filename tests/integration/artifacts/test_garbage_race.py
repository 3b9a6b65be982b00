"""People store, refer, read and drop at random over two services while garbage is collected without a pause."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from orris.errors import OrrisError
from orris_artifacts.core import Artifacts
from orris_artifacts.garbage import Steps
from orris_artifacts.schema import blobs, metadata, references, tree_pages, trees
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import Store
from orris_kit.database import open_database, read
from tests.integration.artifacts.racing import JUMPS, SHORTEST, Person, Time
from tests.servers.databases import NewDatabase

PEOPLE = 4
STORIES = 60
ONE_MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["folder", pytest.param("minio", marks=pytest.mark.needs("minio"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store
    if request.param == "folder":
        made = FolderStore(tmp_path / "store")
    else:
        from tests.servers.buckets import open_bucket, options_of

        made = open_bucket(options_of(request.getfixturevalue("minio")))
    yield made
    made.close()


class Collectors:
    """Collect all the time. Some go to the end; some are killed, or stand still and go on when time has passed."""

    def __init__(self, services: list[Artifacts], dice: random.Random) -> None:
        self._services = services
        self._dice = dice
        self._standing: list[Steps] = []
        self.completed = 0

    def run(self, enough: threading.Event) -> None:
        """Collect until there was enough of it."""
        while not enough.is_set():
            if self._standing and self._dice.random() < 0.3:
                steps = self._standing.pop(self._dice.randrange(len(self._standing)))
            else:
                steps = self._dice.choice(self._services).garbage.collect("lab", SHORTEST)
            self._take(steps, self._dice.choice((1, 3, 6, 10, 1000)))

    def end(self) -> None:
        """Let those that stand still go on to their ends."""
        for steps in self._standing:
            self._take(steps, 1000)

    def _take(self, steps: Steps, most: int) -> None:
        try:
            for _ in range(most):
                next(steps)
        except StopIteration:
            self.completed += 1
        except OrrisError as error:
            # Another one collects, or took over from one that stood still; or that was packing anew.
            if error.reason not in ("COLLECTING_ALREADY", "UPLOAD_TOO_OLD"):
                raise
        else:
            if self._dice.random() < 0.5:
                self._standing.append(steps)
            else:
                steps.close()


def jump_about(time: Time, dice: random.Random, enough: threading.Event) -> None:
    """Let hours pass."""
    while not enough.wait(dice.random() * 0.02):
        time.jump(dice.choice(JUMPS))


def run_until_people_are_done(people: list[Person], *others: Callable[[threading.Event], None]) -> None:
    """Let people live; raise what any of them, or the others, met."""
    enough = threading.Event()
    with ThreadPoolExecutor(len(people) + len(others)) as pool:
        lives = [pool.submit(each.live, STORIES) for each in people]
        beside = [pool.submit(other, enough) for other in others]
        pending = {*lives, *beside}
        while not enough.is_set():
            done, pending = wait(pending, return_when=FIRST_EXCEPTION, timeout=0.1)
            if all(each.done() for each in lives) or any(each.exception() for each in done):
                enough.set()
    for each in (*lives, *beside):
        each.result()


def rows(engine: sa.Engine) -> list[int | None]:
    with read(engine) as connection:
        tables = (blobs, trees, tree_pages, references)
        return [connection.scalar(sa.select(sa.func.count()).select_from(each)) for each in tables]


def test_what_is_needed_stays_and_the_rest_goes(new_database: NewDatabase, store: Store) -> None:
    seed = int(os.environ.get("ORRIS_TEST_SEED") or random.randrange(2**32))
    dice, time = random.Random(seed), Time()
    url = new_database("orris_artifacts", metadata)
    with ExitStack() as stack:
        engines = [open_database(url, "orris_artifacts", metadata) for _ in range(2)]
        services = []
        for engine, ahead in zip(engines, (timedelta(0), ONE_MINUTE), strict=True):
            stack.callback(engine.dispose)
            services.append(Artifacts(engine, store, lambda ahead=ahead: time() + ahead))  # type: ignore[misc]
            stack.callback(services[-1].close)
        people = [Person(n, services, time, random.Random(dice.random())) for n in range(PEOPLE)]
        collectors = [Collectors(services, random.Random(dice.random())) for _ in range(2)]
        try:
            jumping = random.Random(dice.random())
            run_until_people_are_done(
                people, *(each.run for each in collectors), lambda enough: jump_about(time, jumping, enough)
            )
            for each in collectors:
                each.end()
            for person in people:
                for owner in list(person.owned):
                    person.check(owner)
                    services[0].references.delete("lab", owner)
            for _ in range(2):  # what was packed anew leaves its old pack to the next collection
                time.jump(timedelta(days=1))
                for _ in services[1].garbage.collect("lab", SHORTEST):
                    pass
            assert rows(engines[0]) == [0, 0, 0, 0]
            assert list(store.list("lab/")) == []
        except BaseException as error:
            error.add_note(f"to try it again: ORRIS_TEST_SEED={seed}")
            raise
