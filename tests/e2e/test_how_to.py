"""The how-to "train scikit-learn models at scale" of Azure's SDK v1 runs as printed: a notebook, a real instance."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

from orris_standalone import control

HERE = Path(__file__).parent / "how_to"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance that the notebook's kernel finds, and nothing else of this machine's."""
    for name in ("ORRIS_ADDRESS", "ORRIS_TOKEN", "ORRIS_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    monkeypatch.setenv("ORRIS_HOME", str(home))
    control.up(home, None, None, foreground=False)
    try:
        yield home
    finally:
        control.down(home)


def test_the_how_to_runs_as_printed(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(HERE, folder)
    azures = {"subscription_id": "0000", "resource_group": "group", "workspace_name": "default"}
    (folder / "config.json").write_text(json.dumps(azures))
    notebook: Any = nbformat.read(folder / "how_to.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    printed = {cell.source: _printed(cell) for cell in notebook.cells if cell.cell_type == "code"}

    compute = _of(printed, "ComputeTarget.create")
    assert compute.startswith("Creating a new compute target...\n")
    assert compute.count("STANDARD_D2_V2 is asked for as 2 CPUs and 7 GiB a node") == 1
    assert compute.endswith("True\n")
    run = _of(printed, ".submit(src)")
    assert run.startswith("RunId: Tutorial-TrainIRIS_")
    assert "Streaming user_logs/std_log.txt\n===" in run
    assert run.count("Accuracy of SVM classifier on test set: 0.97") == 1
    assert "Execution Summary\n=================" in run
    results = _of(printed, "get_metrics")
    assert "'Accuracy': 0.9736842105263158" in results
    assert "'outputs/model.joblib'" in results
    assert _of(printed, "register_model") == "sklearn-iris\tsklearn-iris:1\t1\n"
    assert 'operation "Succeeded"' in _of(printed, "Model.deploy")
    assert _of(printed, '"method": "predict"') == "[0, 2]\n"
    assert _of(printed, "get_logs").strip()


def _printed(cell: Any) -> str:
    """Return what a cell wrote on standard output."""
    return "".join(each.text for each in cell.outputs if each.output_type == "stream" and each.name == "stdout")


def _of(printed: dict[str, str], part: str) -> str:
    """Return what the one cell printed in whose source `part` is."""
    (found,) = [text for source, text in printed.items() if part in source]
    return found
