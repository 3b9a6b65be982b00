"""What the program that has Ray says where it cannot have it."""

from __future__ import annotations

import sys

import pytest

from orris_runs.engines.port import EngineUnavailable
from orris_runs.engines.ray.conversation import Conversation
from orris_runs.engines.ray.engine import CLUSTER_SIDE


def test_an_interpreter_without_ray_says_what_to_install_or_to_name() -> None:
    """Without `site`, none has what is installed."""
    program = [sys.executable, "-I", "-S", str(CLUSTER_SIDE), "head:6379"]
    conversation = Conversation(program, {}, 30)
    with pytest.raises(EngineUnavailable) as refused:
        conversation.ask("versions")
    conversation.close()
    assert refused.value.message.startswith(f"Ray: {sys.executable} does not have it: install orris-runs[ray] there")
    assert "ORRIS_RUNS_RAY_PYTHON" in refused.value.message
