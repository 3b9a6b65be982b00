"""Runs that the run submits below itself, which other agents may execute."""

import os
import time

from ._exceptions import ActivityFailedException, UserErrorException
from ._requests import ask

FINAL = ("Completed", "Failed", "Canceled")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between looks at a run that is waited for


def submit(run, config, tags) -> dict:
    """Submit a script below a run; return what is known of it."""
    wanted = {
        "parent": run.id,
        "script": config.script,
        "command": config.command,
        "arguments": config.arguments,
        "environment": config.environment,
        "environment_variables": {str(name): str(value) for name, value in config.environment_variables.items()},
        "pool": None if config.compute_target == "local" else config.compute_target,
        "time_limit": config.max_run_duration_seconds,
        "tags": {str(key): "" if value is None else str(value) for key, value in dict(tags or {}).items()},
    }
    if config.source_directory is None:
        return ask(run._folder, "submit_child", wanted)
    with _Source(run._folder, config.source_directory) as place:
        return ask(run._folder, "submit_child", dict(wanted, folder=place))


class _Source:
    """A source folder as the agent finds it: below the run's folder. One that is elsewhere is copied meanwhile."""

    def __init__(self, run_folder, source) -> None:
        if not os.path.isdir(source):
            raise UserErrorException("source_directory: there is no folder %s (in %s)" % (source, os.getcwd()))
        self._root = os.path.realpath(run_folder)
        self._source = os.path.realpath(source)
        self._copy = None

    def __enter__(self) -> str:
        if not self._source.startswith(self._root + os.sep):
            self._copy = os.path.join(self._root, ".source-" + os.urandom(8).hex())
            import shutil

            shutil.copytree(self._source, self._copy)
        return os.path.relpath(self._copy or self._source, self._root)

    def __exit__(self, *ignored) -> None:
        if self._copy is not None:
            import shutil

            shutil.rmtree(self._copy, ignore_errors=True)


class SubmittedRun:
    """What can be done with a run below the run. Needs `_folder`; `id` and `status` are refreshed."""

    def get_status(self) -> str:
        """Return the state that the run has now."""
        return self._refresh()["status"]

    def get_details(self) -> dict:
        """Return what is known of the run now, by Azure's keys."""
        known = self._refresh()
        details = {"runId": self.id, "status": known["status"], "properties": dict(known.get("properties") or {})}
        if known.get("error"):
            details["error"] = {"error": {"message": known["error"]}}
        return details

    def get_metrics(self, name=None, recursive=False, run_type=None, populate=False) -> dict:
        """Return what the run has logged by now: all metrics, or the one called `name`."""
        return ask(self._folder, "get_child_metrics", {"run": self.id, "name": name})["metrics"]

    def cancel(self) -> None:
        """Ask for the run to be canceled."""
        ask(self._folder, "cancel_child", {"run": self.id})

    def wait_for_completion(self, show_output=False, wait_post_processing=False, raise_on_error=True) -> dict:
        """Wait until the run has ended, and return its details. Raises ActivityFailedException when it has failed."""
        pause = _FIRST_PAUSE
        while self._refresh()["status"] not in FINAL:
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)
        details = self.get_details()
        if self.status == "Failed" and raise_on_error:
            message = details.get("error", {}).get("error", {}).get("message", "it says no more")
            raise ActivityFailedException("the run %s failed: %s" % (self.id, message))
        return details

    def _refresh(self) -> dict:
        known = ask(self._folder, "get_child", {"run": self.id})
        self.status = known["status"]
        return known
