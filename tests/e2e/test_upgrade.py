"""A home that an earlier version wrote is opened by today's instance, and shows what was in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orris_kit.database import write
from orris_kit.database.opening import make_engine
from orris_kit.migration import migrate
from tests.contract.test_migrations import NOUNS, OLD, plain, rows_of
from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import wait_until


def files_of(noun: str) -> list[Path]:
    return [file for file in OLD if file.stem.partition("-")[0] == noun]


@pytest.fixture(params=["oldest", "latest"])
def old_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home with the oldest, or the latest, earlier database of each service, and the rows that are in them."""
    home = tmp_path_factory.mktemp("home")
    written: dict[str, Any] = {}
    for noun in NOUNS:
        file = files_of(noun)[0 if request.param == "oldest" else -1]
        rows = written[noun] = rows_of(file)
        engine = make_engine(f"sqlite:///{home / noun / f'{noun}.db'}", f"orris_{noun}")
        with write(engine) as connection:
            migrate(connection, f"orris_{noun}", file.stem.partition("-")[2])
            for table, some in rows.items():
                connection.execute(plain(table, some[0]).insert(), some)
        engine.dispose()
    for store in written["artifacts"].get("stores", ()):
        mark = home / "artifacts" / "blobs" / "orris-store"
        mark.parent.mkdir()
        mark.write_text(store["id"])
    return home, written


def names(orris: Orris, *arguments: str, key: str) -> set[str]:
    found: list[dict[str, Any]] = json.loads(orris(*arguments, "--json").stdout)
    return {str(each[key]) for each in found}


def test_todays_services_open_it_and_show_what_was_in_it(old_home: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    home, written = old_home
    orris = command_line(home, tmp_path)
    orris("up", "-d")
    try:
        training = [row for row in written["runs"]["runs"] if row["kind"] == 1]
        for workspace in {row["workspace"] for row in training}:
            mine = {row["id"] for row in training if row["workspace"] == workspace}
            assert mine <= names(orris, "runs", "list", "--limit", "100", "-w", workspace, key="runId")
        metric = written["runs"]["metrics"][0]
        run = next(row for row in written["runs"]["runs"] if row["key"] == metric["run_key"])
        assert metric["metric"] in orris("runs", "metrics", run["id"], "-w", run["workspace"]).stdout
        models = {row["model"] for row in written["models"]["model_versions"]}
        assert models <= names(orris, "models", "list", "-w", "lab", key="name")
        assert {row["id"] for row in written["inference"]["endpoints"] if row["workspace"] == "lab"} <= names(
            orris, "endpoints", "list", "-w", "lab", key="name"
        )
        built = {row["build"] for row in written["images"]["builds"]}
        assert built <= names(orris, "builds", "list", "--limit", "100", "-w", "lab", key="id")
        # What was leased to an agent that is gone is noticed, and the instance works.
        (tmp_path / "new.py").write_text("print('works')\n")
        orris("submit", "--environment", "orris-sklearn", "new.py")
        wait_until(lambda: "works" in last_log(orris))
    finally:
        orris("down")
    told = [json.loads(line) for line in (home / "orris.log").read_text().splitlines() if line.startswith("{")]
    assert [line for line in told if line["level"] == "error" and line["logger"].startswith("orris_kit.database")] == []


def last_log(orris: Orris) -> str:
    run = json.loads(orris("runs", "list", "--json").stdout)[0]["runId"]
    return orris("runs", "logs", run).stdout
