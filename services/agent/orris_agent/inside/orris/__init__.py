"""Orris inside a run: `Run.get_context()` is the run that this program is.

Standard library only, Python 3.6 and later.
"""

from . import errors
from ._run import Run
from ._script_run_config import ScriptRunConfig

__all__ = ["Run", "ScriptRunConfig", "errors"]
