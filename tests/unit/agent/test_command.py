"""What a run's program is started with."""

from pathlib import Path

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import command
from orris_agent.folder import RunFolder
from orris_agent.run_data import RunData

FOLDER = RunFolder(Path("/runs/e_1_00000000"))
PYTHON = Path("/env/bin/python")


def lease(**fields: object) -> agents.Lease:
    run = runs.Run(name="workspaces/main/runs/e_1_00000000", experiment="workspaces/main/experiments/e", **fields)  # type: ignore[arg-type]
    return agents.Lease(run=run, run_token="token")


def variables(of: agents.Lease, inherited: dict[str, str]) -> dict[str, str]:
    surrounding = command.inherited(inherited, PYTHON)
    return command.variables(of, RunFolder(Path("/runs/e_1_00000000")), str(PYTHON), surrounding)


def test_a_script_runs_with_the_environments_python_and_its_arguments_in_order() -> None:
    run = runs.Run(script="train.py", arguments=["--c", "1", "--c", "2"])
    assert command.argument_list(run, str(PYTHON), RunData(run, FOLDER)) == [
        "/env/bin/python",
        "train.py",
        "--c",
        "1",
        "--c",
        "2",
    ]


def test_a_command_runs_as_it_is() -> None:
    run = runs.Run(command=["python", "-m", "x"])
    assert command.argument_list(run, str(PYTHON), RunData(run, FOLDER)) == ["python", "-m", "x"]


def test_a_runs_variables_win_over_the_environments_and_its_secrets_over_both() -> None:
    of = lease(environment_variables={"A": "run", "B": "run"}, secret_environment_variables={"A": "secret"})
    of.environment_variables.update({"A": "environment", "B": "environment", "C": "environment"})
    result = variables(of, {"A": "agent", "C": "agent", "D": "agent"})
    assert [result[name] for name in "ABCD"] == ["secret", "run", "environment", "agent"]


def test_a_run_cannot_pass_for_another_one() -> None:
    result = variables(lease(environment_variables={"ORRIS_RUN_ID": "other", "AZUREML_RUN_ID": "other"}), {})
    assert result["ORRIS_RUN_ID"] == result["AZUREML_RUN_ID"] == "e_1_00000000"


def test_the_working_directory_is_the_snapshots() -> None:
    result = variables(lease(), {"PWD": "/where/the/agent/started", "OLDPWD": "/before"})
    assert result["PWD"] == "/runs/e_1_00000000/work"
    assert "OLDPWD" not in result


def test_the_agents_own_settings_and_python_are_not_passed_on() -> None:
    private = {
        "ORRIS_TOKEN_FILE": "/secret",
        "PYTHONHOME": "/agent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": "/agent",
    }
    result = variables(lease(), {**private, "HOME": "/home/u"})
    assert result["HOME"] == "/home/u"
    assert not private.keys() & result.keys()


def test_the_run_side_package_comes_first_and_the_users_path_stays() -> None:
    result = variables(lease(environment_variables={"PYTHONPATH": "/mine"}), {})
    assert result["PYTHONPATH"] == f"{command.INSIDE}:/mine"


def test_the_environments_programs_come_first() -> None:
    assert variables(lease(), {"PATH": "/usr/bin"})["PATH"] == "/env/bin:/usr/bin"


def test_azures_names_are_set() -> None:
    result = variables(lease(), {})
    assert result["AZUREML_RUN_ID"] == result["ORRIS_RUN_ID"] == "e_1_00000000"
    assert (result["AZUREML_ARM_WORKSPACE_NAME"], result["AZUREML_ARM_PROJECT_NAME"]) == ("main", "e")


def test_a_run_that_uses_grpc_may_fork() -> None:
    """The agent itself switches that off for its own process."""
    assert "GRPC_ENABLE_FORK_SUPPORT" not in variables(lease(), {"GRPC_ENABLE_FORK_SUPPORT": "0"})
