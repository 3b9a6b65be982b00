"""The service's rules over databases of each kind, with a resolver and a builder that are fakes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orris_images import schema
from orris_images.build_log import Key
from orris_images.core import Core
from orris_images.interpreters import Interpreters
from orris_images.records import Build
from orris_images.spec import Spec
from orris_kit.database import open_database
from orris_kit.interpreter import Interpreter
from tests.servers.databases import NewDatabase
from tests.unit.images.fakes import FakeBuilder, FakeResolver

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Machine:
    """A core that can be stopped and started over the same database."""

    def __init__(self, url: str) -> None:
        self.resolver, self.builder = FakeResolver(), FakeBuilder()
        self.notified: list[Key] = []
        self._url, self._ids, self._ticks = url, itertools.count(1), itertools.count()
        self._passed = timedelta()
        self.start()

    def start(self) -> None:
        own = Interpreter(Path("/own"), Path("/own"), "3.11.7", "linux-x86_64")
        interpreters = Interpreters({}, own.executable, discover=lambda *_: [own])
        interpreters._own_answer = own
        self.engine = open_database(self._url, "orris_images", schema.metadata)
        self.core = Core(
            self.engine,
            interpreters,
            self.resolver,
            self.builder,
            clock=lambda: NOW + self._passed + timedelta(seconds=next(self._ticks)),
            new_id=lambda: f"b{next(self._ids):03}",
            notify=self.notified.append,
            workers=2,
        )
        self.core.building.resume()

    def stop(self) -> None:
        self.core.building.stop()
        self.engine.dispose()

    def pass_time(self, time: timedelta) -> None:
        self._passed += time

    def create(
        self, *packages: str, name: str = "a", refresh: bool = False, request_id: str = "", workspace: str = "lab"
    ) -> Build:
        spec = Spec(packages=packages)
        version = self.core.environments.create(workspace, name, spec, b"sent")
        return self.core.builds.create(workspace, version.target, spec, refresh=refresh, request_id=request_id)

    def create_user_managed(self, interpreter: str) -> Build:
        spec = Spec(interpreter=interpreter)
        version = self.core.environments.create("lab", "managed", spec, b"sent")
        return self.core.builds.create("lab", version.target, spec)

    def finish(self, build: Build) -> Build:
        """Return the build as it ended, once all builders are idle."""
        self.stop_when_idle()
        return self.core.builds.get(*build.key)

    def stop_when_idle(self) -> None:
        for job in list(self.core.building._jobs.values()):
            assert job.done.wait(10)

    def log(self, build: Build) -> str:
        data, end = self.core.builds.read_log(*build.key, 0)
        assert end
        return data.decode()


@pytest.fixture
def machine(new_database: NewDatabase) -> Iterator[Machine]:
    machine = Machine(new_database("orris_images", schema.metadata))
    yield machine
    machine.stop()
