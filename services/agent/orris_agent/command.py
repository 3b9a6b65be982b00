"""What a run's program is started with: its argument list and its environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orris.names import ExperimentName, RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder
from orris_agent.run_data import RunData
from orris_kit import tracing

INSIDE = Path(__file__).parent / "inside"

# What the agent's own Python was told must not reach another Python, and its settings are nobody else's business.
# GRPC_ENABLE_FORK_SUPPORT is set by orris_kit: a run may fork as it likes.
_NOT_INHERITED = {
    "GRPC_ENABLE_FORK_SUPPORT",
    "PYTHONDONTWRITEBYTECODE",  # common in containers; each run would compile its libraries anew, for seconds
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
    "OLDPWD",
    "PS1",
    "TRACEPARENT",  # of whoever started the agent
}


def argument_list(run: runs.Run, python: str, data: RunData) -> list[str]:
    """Return what to execute: the script with the environment's interpreter, or the command, told where its data is."""
    if run.script:
        return [python, run.script, *map(data.argument, run.arguments)]
    return list(map(data.argument, run.command))


def time_limit(run: runs.Run) -> float | None:
    """Return how many seconds the program may take, None without a limit."""
    return run.time_limit.ToTimedelta().total_seconds() if run.HasField("time_limit") else None


def limits(run: runs.Run) -> dict[str, float]:
    """Return what the supervisor of a process holds it to; a container is held to it by its engine."""
    needs = run.resources
    return {name: value for name, value in (("cpus", needs.cpus), ("memory_bytes", needs.memory_bytes)) if value}


def inherited(environ: Mapping[str, str], python: Path) -> dict[str, str]:
    """Return what a program on this machine gets of the agent's own variables, and those of a virtual environment."""
    result = {name: value for name, value in environ.items() if not _is_private(name)}
    if (python.parent.parent / "pyvenv.cfg").exists():
        result["VIRTUAL_ENV"] = str(python.parent.parent)
    return result


def variables(
    lease: agents.Lease, folder: RunFolder, python: str, surrounding: Mapping[str, str], inside: Path = INSIDE
) -> dict[str, str]:
    """Return the program's environment variables.

    In rising order of precedence: the `surrounding` ones, the environment's, the run's, its secrets, Orris's names for
    the run. The programs beside `python` come first on PATH, and `inside` first on PYTHONPATH.
    """
    run = lease.run
    trace = {"TRACEPARENT": traceparent} if (traceparent := tracing.current()) else {}
    own = {**trace, **run.environment_variables, **run.secret_environment_variables, **_names_of(run, lease, folder)}
    return _variables(lease, python, surrounding, inside, own)


def variables_of_all(
    lease: agents.Lease, python: str, surrounding: Mapping[str, str], inside: Path = INSIDE
) -> dict[str, str]:
    """Return the variables that all runs of the lease's environment have."""
    return _variables(lease, python, surrounding, inside, {})


def _variables(
    lease: agents.Lease, python: str, surrounding: Mapping[str, str], inside: Path, own: Mapping[str, str]
) -> dict[str, str]:
    result = dict(surrounding)
    programs = result.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    result["PATH"] = f"{os.path.dirname(python)}:{programs}" if "/" in python else programs
    result["PYTHONUNBUFFERED"] = "1"  # a log is followed while it is written
    result.update(lease.environment_variables)
    result.update(own)
    result["PYTHONPATH"] = ":".join(filter(None, [str(inside), result.get("PYTHONPATH", "")]))
    return result


def _is_private(name: str) -> bool:
    return name in _NOT_INHERITED or name.startswith("ORRIS_")


def _names_of(run: runs.Run, lease: agents.Lease, folder: RunFolder) -> dict[str, str]:
    name = RunName.parse(run.name)
    experiment = ExperimentName.parse(run.experiment).experiment
    return {
        "PWD": str(folder.work),
        "ORRIS_RUN_ID": name.run,
        "ORRIS_WORKSPACE": name.workspace,
        "ORRIS_EXPERIMENT": experiment,
        "ORRIS_RUN_FOLDER": str(folder.root),
        "AZUREML_RUN_ID": name.run,
        "AZUREML_ARM_SUBSCRIPTION": "orris",
        "AZUREML_ARM_RESOURCEGROUP": "orris",
        "AZUREML_ARM_WORKSPACE_NAME": name.workspace,
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_EXPERIMENT_ID": experiment,
        "AZUREML_SERVICE_ENDPOINT": f"unix:{folder.socket}",
        "AZUREML_RUN_TOKEN": lease.run_token,
    }
