"""What to run, with what, and for how long."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2
from orris.sdk.distribution import distribution_number
from orris.sdk.given_values import shown, text
from orris.sdk.resources import Resources, isolation_number

if TYPE_CHECKING:
    from orris.sdk.data_inputs import DatasetConsumptionConfig
    from orris.sdk.data_outputs import OutputFileDatasetConfig
    from orris.sdk.environment import Environment

# Where neither script nor environment say otherwise: current releases of scikit-learn and what goes with it.
DEFAULT_ENVIRONMENT = "orris-sklearn"
# What the service takes.
LONGEST_SECONDS = 366 * 86_400
HIGHEST_PRIORITY = 100
MOST_RETRIES = 100


@dataclass
class ScriptRunConfig:
    """A script or command, the folder it is in, and the environment it needs.

    `script` is a path in `source_directory`; `command` is a program with its arguments, as a list or as one text, which
    is split as a shell would (but no shell runs it). `arguments` are passed in order, as text. `environment` is an
    `Environment`, or the name of one, as `NAME` or `NAME:VERSION`. `compute_target` is a pool's name.
    `snapshot_limit_bytes` is how large the folder may be, by default ORRIS_SNAPSHOT_LIMIT_BYTES, else 300 MB.
    `isolation` is "warm", "process" or "container", by default what the agent does. `resources` are what the run needs;
    `network` is False for a container that has none. `priority`, -100 to 100, is who is next of those that wait.
    `max_retries` is how often the run is executed anew where not its program failed, but Orris or a machine. `reuse`
    takes over outputs and metrics of an identical run that has completed, where there is one, instead of executing it.
    `distribution="joblib"` spreads what the script gives joblib (scikit-learn's `n_jobs`) over the machines of a pool
    that is on a Ray cluster; the environment gets the cluster's Ray, and must have its minor version of Python.
    What the run gets (`dataset.as_named_input(name)`, `output.as_input()`) and folders that it is to fill
    (OutputFileDatasetConfig) stand among the arguments, where the script is told where they are, or in `inputs` and
    `outputs_to` alone.
    """

    source_directory: str | Path = "."
    script: str | None = None
    arguments: Iterable[object] = ()
    command: str | list[object] | None = None
    environment: Environment | str = DEFAULT_ENVIRONMENT
    environment_variables: Mapping[str, object] = field(default_factory=dict)
    max_run_duration_seconds: float | None = None
    compute_target: Any = None
    display_name: str | None = None
    snapshot_limit_bytes: int | None = None
    isolation: str | None = None
    resources: Resources | None = None
    network: bool = True
    priority: int = 0
    max_retries: int = 0
    reuse: bool = False
    distribution: str | None = None
    inputs: Iterable[DatasetConsumptionConfig] = ()
    outputs_to: Iterable[OutputFileDatasetConfig] = ()

    @property
    def pool(self) -> str:
        """The pool's name; empty means the default."""
        target = getattr(self.compute_target, "name", self.compute_target)
        return str(target) if target else ""

    @property
    def argument_texts(self) -> list[str]:
        """The arguments as text, in order. Raises InvalidArgument when one text was given instead of a list.

        Also for half a character, as YAML can name one.
        """
        if isinstance(self.arguments, str | bytes):
            raise InvalidArgument(
                "arguments: give a list, one item an argument, for example ['--kernel', 'linear']", field="arguments"
            )
        texts = [str(each) for each in self.arguments or ()]
        if broken := [each for each in texts if text(each) is None]:
            message = f"arguments: {shown(broken[0])} has half a character in it: give text that is UTF-8"
            raise InvalidArgument(message, field="arguments")
        return texts

    @property
    def command_texts(self) -> list[str]:
        """The command's words. Raises InvalidArgument when the text cannot be split."""
        if isinstance(self.command, str):
            try:
                return shlex.split(self.command)
            except ValueError as error:
                raise InvalidArgument(f"command: {error} in {self.command!r}", field="command") from error
        return [str(each) for each in self.command or ()]

    @property
    def isolation_asked(self) -> runs_pb2.Isolation.ValueType:
        """The isolation, in the contract's form. Raises InvalidArgument."""
        return isolation_number(self.isolation if self.network else self.isolation or "container")

    @property
    def distribution_asked(self) -> runs_pb2.Distribution.ValueType:
        """The distribution, in the contract's form. Raises InvalidArgument."""
        return distribution_number(self.distribution)

    def check(self) -> None:
        """Find what is wrong before anything is uploaded. Raises InvalidArgument that names the field."""
        folder = Path(self.source_directory)
        if bool(self.script) == bool(self.command):
            raise InvalidArgument("script: give either `script` or `command`", field="script")
        if not folder.is_dir():
            raise InvalidArgument(f"source_directory: {folder} is no folder", field="source_directory")
        if self.script:
            self._check_script(folder.resolve(), folder / self.script)
        if self.max_run_duration_seconds is not None and not 0 < self.max_run_duration_seconds <= LONGEST_SECONDS:
            raise InvalidArgument(
                f"max_run_duration_seconds: give seconds, more than 0 and at most {LONGEST_SECONDS:,}",
                field="max_run_duration_seconds",
            )
        if not -HIGHEST_PRIORITY <= self.priority <= HIGHEST_PRIORITY:
            message = f"priority: -{HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}, the highest is next"
            raise InvalidArgument(message, field="priority")
        if not 0 <= self.max_retries <= MOST_RETRIES:
            raise InvalidArgument(f"max_retries: 0 to {MOST_RETRIES}", field="max_retries")
        _ = self.argument_texts, self.command_texts, self.distribution_asked
        self._check_confinement()

    def _check_script(self, top: Path, script: Path) -> None:
        if not script.is_file():
            raise InvalidArgument(f"script: {self.script} is no file in {top}", field="script")
        if not script.resolve().is_relative_to(top):
            message = f"script: {self.script} lies outside of {top}; set source_directory"
            raise InvalidArgument(message, field="script")

    def _check_confinement(self) -> None:
        _ = self.isolation_asked, self.resources and self.resources.to_message()
        if not self.network and self.isolation not in (None, "container"):
            message = f"network: a process has one; leave out isolation={self.isolation!r} for a container without"
            raise InvalidArgument(message, field="network")
