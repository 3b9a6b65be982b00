"""A scoring script of your own: what it is, where its files are, the environment it runs in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orris.errors import InvalidArgument
from orris.inference.v1 import inference_pb2
from orris.sdk.content import FileContent
from orris.sdk.progress import bytes_shown
from orris.sdk.snapshot import snapshot

if TYPE_CHECKING:
    from orris.sdk.environment import Environment
    from orris.sdk.workspace import Workspace

LONGEST_SCRIPT = 1024 * 1024


@dataclass
class InferenceConfig:
    """A Python file with `init()`, called once, and `run(data)`, called for each request.

    `entry_script` is a path in `source_directory`; without one, it is the only file. All files of the folder go along,
    under the folder's name, but for what its ignore file names. `environment` is an `Environment` or the name of one,
    as `NAME` or `NAME:VERSION`; by default that of the only model, else `orris-inference`. `environment_variables` are
    set for the script; WORKER_COUNT (processes, by default 1) and SCORING_TIMEOUT_MS are settings of what calls it.

    `run(data)` gets the body as text; decorated with `@input_schema` of the package inference-schema it gets arguments
    by name from a JSON object, with `@rawhttp` the request. What it returns becomes JSON, text too: return objects, not
    text that is JSON already. An `AMLResponse` is sent as it is.
    """

    entry_script: str | Path
    source_directory: str | Path | None = None
    environment: Environment | str | None = None
    environment_variables: Mapping[str, object] = field(default_factory=dict)

    def check(self) -> Path:
        """Return the script's file. Raises InvalidArgument that names what is wrong."""
        folder = Path(self.source_directory) if self.source_directory is not None else None
        if folder is not None and not folder.is_dir():
            message = f"source_directory: {folder.absolute()} is no folder"
            raise InvalidArgument(message, field="source_directory")
        script = Path(self.entry_script) if folder is None else folder / self.entry_script
        if not script.is_file():
            raise InvalidArgument(f"entry_script: {script.absolute()} is no file", field="entry_script")
        if script.suffix != ".py":
            message = f"entry_script: {script} is no Python file; give the one with init() and run(data)"
            raise InvalidArgument(message, field="entry_script")
        if script.stat().st_size > LONGEST_SCRIPT:
            raise InvalidArgument(f"entry_script: {script} is larger than {LONGEST_SCRIPT} bytes", field="entry_script")
        if folder is not None and not script.resolve().is_relative_to(folder.resolve()):
            message = f"entry_script: {self.entry_script} lies outside of {folder.resolve()}; set source_directory"
            raise InvalidArgument(message, field="entry_script")
        return script

    def upload(self, workspace: Workspace) -> inference_pb2.ScoringCode:
        """Upload the files and register the environment, where that is needed; return the contract's form.

        Raises InvalidArgument, ResourceExhausted (SNAPSHOT_TOO_LARGE), NotFound for an environment that is not there.
        """
        script = self.check()
        environment = self._environment(workspace)
        with bytes_shown("Uploading the scoring script") as progress:
            entry, files = self._files(script)
            tree = workspace.transfer.upload(files, progress)
        return inference_pb2.ScoringCode(
            snapshot=tree.name,
            entry_script=entry,
            environment=environment,
            environment_variables={key: str(value) for key, value in self.environment_variables.items()},
        )

    def _files(self, script: Path) -> tuple[str, dict[str, FileContent]]:
        """Return the script's path among the files, and them. A folder's are below its name, as Azure has them."""
        if self.source_directory is None:
            return script.name, {script.name: FileContent(script)}
        folder = Path(self.source_directory).resolve()
        entry = PurePosixPath(folder.name, script.resolve().relative_to(folder).as_posix())
        files = {PurePosixPath(folder.name, path).as_posix(): file for path, file in snapshot(folder).items()}
        if entry.as_posix() not in files:
            message = f"entry_script: {self.entry_script} is named in the folder's ignore file; take it out there"
            raise InvalidArgument(message, field="entry_script")
        return entry.as_posix(), files

    def _environment(self, workspace: Workspace) -> str:
        from orris.sdk.environment import Environment

        if not self.environment:
            return ""
        if isinstance(self.environment, Environment):
            return self.environment.ensure_registered(workspace).resource_name
        name, _, version = self.environment.partition(":")
        return Environment.get(workspace, name, version or None).resource_name
