"""A script to submit below the run."""

from ._environment import Environment
from ._exceptions import UserErrorException
from ._placeholder import PlaceholderType, explain


class ScriptRunConfig:
    """What a child of the run executes. What is not given is as the run has it: its snapshot, environment, pool."""

    def __init__(self, source_directory=None, script=None, arguments=None, run_config=None, compute_target=None,
                 environment=None, distributed_job_config=None, resume_from=None, max_run_duration_seconds=None,
                 command=None, docker_runtime_config=None) -> None:  # fmt: skip
        for name, value in (
            ("run_config", run_config),
            ("distributed_job_config", distributed_job_config),
            ("resume_from", resume_from),
            ("docker_runtime_config", docker_runtime_config),
        ):
            if value is not None:
                raise explain("ScriptRunConfig(%s=...)" % name)
        if bool(script) == bool(command):
            raise UserErrorException("ScriptRunConfig needs either script or command")
        if environment is not None and not isinstance(environment, (str, Environment)):
            raise UserErrorException("environment: inside a run name it, 'NAME' or 'NAME:VERSION'")
        if compute_target is not None and not isinstance(compute_target, (str, PlaceholderType)):
            raise UserErrorException("compute_target: inside a run name it")
        self.source_directory = source_directory
        self.script = None if script is None else str(script).replace("\\", "/")
        self.arguments = [str(each) for each in arguments or ()]
        self.command = _words(command)
        self.environment = None if environment is None else str(environment)
        self.compute_target = compute_target
        self.max_run_duration_seconds = max_run_duration_seconds
        self.environment_variables = {}


def _words(command) -> list:
    if not isinstance(command, str):
        return [str(each) for each in command or ()]
    import shlex

    try:
        return shlex.split(command)
    except ValueError as error:
        raise UserErrorException("command: %s in %r" % (error, command)) from error
