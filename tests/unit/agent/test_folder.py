"""What of a run's folder belongs to whom."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orris_agent.folder import RunFolders, noted_boot
from orris_agent.supervisor.lease import SLEEPS_ALONG
from orris_agent.supervisor.system import boot_id


def test_a_contained_run_shares_neither_its_lease_nor_what_it_is_told(tmp_path: Path) -> None:
    folder = RunFolders(tmp_path / "runs").create("r", "l", contained=True)
    for its_own in (folder.work, folder.files, folder.std_log, folder.journal):
        assert its_own.is_relative_to(folder.own)
    for the_agents in (folder.root / "lease.json", folder.control, folder.socket):
        assert not the_agents.is_relative_to(folder.own)
    assert not (folder.root / "lease.json").is_relative_to(folder.control)


def test_a_folder_says_itself_whether_its_run_is_contained(tmp_path: Path) -> None:
    folders = RunFolders(tmp_path / "runs")
    for run_id, contained in (("in", True), ("out", False)):
        folders.create(run_id, run_id, contained)
        found = folders.of_lease(run_id, run_id)
        assert found is not None
        assert found.contained is contained
    assert [each.contained for each in folders] == [True, False]


def test_a_note_that_a_run_may_have_begun_keeps_its_lease_and_tells_the_machines_start(tmp_path: Path) -> None:
    folder = RunFolders(tmp_path / "runs").create("r", "l")
    assert noted_boot(folder.root) == ""
    folder.note_beginning()
    assert (folder.lease_id(), noted_boot(folder.root)) == ("l", boot_id())
    folder.note_beginning()  # again, after what kept it from beginning
    assert (folder.lease_id(), noted_boot(folder.root)) == ("l", boot_id())


@pytest.mark.parametrize("left", [None, "", "\0" * 40, "{", "[]"])
def test_where_nothing_can_be_read_nothing_was_noted(tmp_path: Path, left: str | None) -> None:
    if left is not None:
        (tmp_path / "lease.json").write_text(left)
    assert noted_boot(tmp_path) == ""


@pytest.mark.parametrize(("user", "contained", "owner"), [(0, True, 10001), (0, False, 0), (1234, True, 1234)])
def test_no_container_is_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, contained: bool, owner: int
) -> None:
    folder = RunFolders(tmp_path / "runs").create("r", "l", contained)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "getegid", lambda: user)
    assert folder.owner == (owner, owner)


@pytest.mark.parametrize("contained", [False, True])
def test_a_supervisor_is_told_whether_the_service_sleeps_along(tmp_path: Path, contained: bool) -> None:
    for along in (False, True):
        folders = RunFolders(tmp_path / "runs", sleeps_along=along)
        folder = folders.create("r", "l", contained)
        assert (folder.control / SLEEPS_ALONG).exists() is along
