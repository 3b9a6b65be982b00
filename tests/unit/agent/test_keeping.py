"""What of a run's folder is kept, and what is only named."""

from pathlib import Path

from orris_agent.folder import RunFolder
from orris_agent.keeping import kept_files, left_behind


def folder_with(root: Path, *paths: str) -> RunFolder:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    return RunFolder(root)


def test_outputs_logs_and_uploaded_files_are_kept(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path, "work/outputs/a/model.joblib", "work/logs/x.log", "files/plot_1.png", "work/other.txt"
    )
    assert sorted(kept_files(folder)) == ["logs/x.log", "outputs/a/model.joblib", "plot_1.png"]


def test_a_link_out_of_the_run_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    folder = folder_with(tmp_path / "run", "work/outputs/model.joblib")
    (folder.work / "outputs" / "stolen").symlink_to(secret)
    (folder.work / "outputs" / "alias").symlink_to(folder.work / "outputs" / "model.joblib")
    assert sorted(kept_files(folder)) == ["outputs/alias", "outputs/model.joblib"]


def test_files_outside_outputs_are_named_unless_they_came_with_the_snapshot(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "work/train.py", "work/model.joblib", "work/outputs/a", "work/__pycache__/x.pyc")
    assert left_behind(folder, {"train.py"}) == ["model.joblib"]


def test_a_run_without_outputs_keeps_nothing(tmp_path: Path) -> None:
    assert kept_files(RunFolder(tmp_path)) == {}
