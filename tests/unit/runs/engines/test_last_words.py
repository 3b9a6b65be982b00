"""What an agent said of its end, and nothing that it said while all was well."""

from pathlib import Path

import pytest

from orris_runs.engines.last_words import last_words


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "Traceback (most recent call last):\n  …\nModuleNotFoundError: No module named 'grpc'\n\n",
            "ModuleNotFoundError",
        ),
        ('{"level": "info", "message": "launcher ready"}\n', ""),
        ('{"level": "info", "message": "run ended"}\n{"level": "error", "message": "no token"}\n', "no token"),
        ("3\n", "3"),
        ("{}\n", "{}"),
        ("", ""),
    ],
)
def test_an_end_is_explained_by_what_was_said_last_unless_that_is_ordinary(log: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "agent.log").write_text(log)
    assert last_words(tmp_path / "agent.log").startswith(said)
    assert bool(last_words(tmp_path / "agent.log")) == bool(said)


def test_of_an_agent_that_said_nothing_nothing_is_said(tmp_path: Path) -> None:
    assert last_words(tmp_path / "agent.log") == ""
