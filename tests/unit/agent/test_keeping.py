"""What of a run's folder is kept, and what is only named."""

import os
from pathlib import Path

from orris_agent.folder import RunFolder
from orris_agent.keeping import as_text, kept_files, left_behind


def folder_with(root: Path, *paths: str) -> RunFolder:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("content")
    return RunFolder(root)


def test_outputs_logs_and_uploaded_files_are_kept(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path, "work/outputs/a/model.joblib", "work/logs/x.log", "files/plot_1.png", "work/other.txt"
    )
    assert sorted(kept_files(folder)[0]) == ["logs/x.log", "outputs/a/model.joblib", "plot_1.png"]


def test_a_link_out_of_the_run_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    folder = folder_with(tmp_path / "run", "work/outputs/model.joblib")
    (folder.work / "outputs" / "stolen").symlink_to(secret)
    (folder.work / "outputs" / "alias").symlink_to(folder.work / "outputs" / "model.joblib")
    assert sorted(kept_files(folder)[0]) == ["outputs/alias", "outputs/model.joblib"]


def test_files_outside_outputs_are_named_unless_they_came_with_the_snapshot(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "work/train.py", "work/model.joblib", "work/outputs/a", "work/__pycache__/x.pyc")
    assert left_behind(folder, {"train.py"}) == ["model.joblib"]


def test_a_file_in_the_place_of_the_outputs_folder_is_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "work/outputs")
    assert (kept_files(folder), left_behind(folder, set())) == (({}, {}), ["outputs"])


def test_a_run_without_outputs_keeps_nothing(tmp_path: Path) -> None:
    assert kept_files(RunFolder(tmp_path)) == ({}, {})


def test_a_file_that_no_tree_takes_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    names = ("model.pkl", "Model.pkl", "two\nlines.txt", "back\\slash", os.fsdecode(b"latin\xff.txt"), "fine.txt")
    folder = folder_with(tmp_path, *(f"work/outputs/{name}" for name in names))
    kept, refused = kept_files(folder)
    assert sorted(kept) == ["outputs/Model.pkl", "outputs/fine.txt"]
    assert "only in case" in refused["outputs/model.pkl"]


def test_a_name_that_is_no_text_can_be_sent(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, os.path.join("work", os.fsdecode(b"latin\xff")), "work/two\nlines")
    names = left_behind(folder, set())
    assert names == ["latin\\udcff", "two\\nlines"]
    assert as_text("ü 日") == "ü 日"
