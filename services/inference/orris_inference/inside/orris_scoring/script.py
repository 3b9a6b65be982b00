"""The user's scoring script: imported, checked, initialised."""

import importlib.util
import os
import sys
import traceback

MODULE = "entry_module"


class Unusable(Exception):
    """The script cannot be served; the message says why, for people. What the script raised is in the log."""


class Script(object):
    """A script that was initialised. `run` answers a request; `root` is the folder of all that is the user's."""

    def __init__(self, name, root, run):
        self.name = name
        self.root = root
        self.run = run


def load(path, root):
    """Import the script at `path` and call its init(). Raises Unusable."""
    name = os.path.relpath(path, root)
    module = _guarded("cannot be imported", name, root, lambda: _import(path))
    for wanted in ("init", "run"):
        if not callable(getattr(module, wanted, None)):
            raise Unusable("%s has no function %s(): a scoring script defines init() and run(data)" % (name, wanted))
    _guarded("failed in init()", name, root, module.init)
    return Script(name, root, module.run)


def print_failure(root, failure):
    """Print a failure's traceback, without the frames above those of the user's files, which tell nothing."""
    frames = failure.__traceback__
    while frames is not None and not _is_below(root, frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    traceback.print_exception(type(failure), failure, frames)
    sys.stderr.flush()


def _import(path):
    specification = importlib.util.spec_from_file_location(MODULE, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[MODULE] = module
    specification.loader.exec_module(module)
    return module


def _guarded(what, name, root, action):
    try:
        return action()
    except SystemExit as end:
        print_failure(root, end)
        raise Unusable("%s %s: it called sys.exit(%r)" % (name, what, end.code))
    except Exception as failure:
        print_failure(root, failure)
        sys.exit(1)  # the last lines are the user's own


def _is_below(root, path):
    return path.startswith(os.path.join(root, ""))
