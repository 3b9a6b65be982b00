"""What an agent offers: never less than its settings insist on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import identity
from orris_agent.config import Settings

WARM, PROCESS, CONTAINER = runs.ISOLATION_WARM, runs.ISOLATION_PROCESS, runs.ISOLATION_CONTAINER


class Engine:
    """Stands in for an engine that answers from so many asks on; None: never."""

    address = "unix:///nowhere"

    def __init__(self, silent: int | None) -> None:
        self._silent = silent
        self.asked = 0

    def silence(self) -> str:
        self.asked += 1
        return "" if self._silent is not None and self.asked > self._silent else "it is away"


@pytest.mark.parametrize(
    ("isolation", "engine", "silent", "offered"),
    [
        ("process", "auto", 0, (PROCESS, CONTAINER)),
        ("process", "auto", None, (PROCESS,)),
        ("process", "off", 0, (PROCESS,)),
        ("warm", "off", 0, (WARM, PROCESS)),
        ("warm", "auto", 0, (WARM, PROCESS, CONTAINER)),
        ("process", "on", 3, (PROCESS, CONTAINER)),
        ("container", "auto", 3, (CONTAINER,)),
        ("container", "on", 0, (CONTAINER,)),
    ],
)
async def test_an_agent_waits_for_the_engine_that_it_needs(
    isolation: Any, engine: Any, silent: int | None, offered: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_RETRY_SECONDS", 0)
    settings = Settings(isolation=isolation, engine=engine)
    stand_in: Any = Engine(silent)
    assert await identity.offered(settings, stand_in) == offered


def test_containers_without_an_engine_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="ORRIS_AGENT_ENGINE=on"):
        Settings(isolation="container", engine="off")


def test_a_password_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    assert Settings(registry_password_file=tmp_path / "password").registry_secret() == "from a file"
    settings = Settings.model_validate({"registry_password": "very-secret"})
    assert settings.registry_secret() == "very-secret"
    assert "very-secret" not in repr(settings)


def test_the_record_has_what_the_machine_has() -> None:
    told = identity.identity(Settings(), (PROCESS,))
    assert told.resources.cpus >= 1
    assert told.resources.memory_bytes > 1 << 28
    assert list(told.isolations) == [PROCESS]
