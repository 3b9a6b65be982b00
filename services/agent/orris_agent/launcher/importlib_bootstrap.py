"""Import libraries once, then fork for each run: `python …/launcher/importlib_bootstrap.py REQUESTS REPLIES PADDING`.

REQUESTS and REPLIES are two descriptors of one socket. The command returns when the launcher stands on its own,
nobody's child, as a supervisor does; its first reply is its pid. The first line of the requests names the modules to
import; it is answered by `{"ready": …}`, or `{"unfit": …}` for a module that a run must import itself. Each further
line, JSON with the `folder` of a run whose command.json is there, is answered when a supervisor, a fork of this
process, has taken the run over, and once more, with `ended`, when it has let go of it. The run's program is a fork of a
fork of that, and begins below, at the bottom of the stack, as in a fresh interpreter.

As the first process of a container (see waiting.py) it serves one run, whose supervisor it becomes itself.

This frame stays under the program's own. Python takes what is called "importlib" and "_bootstrap" for its own
machinery, which warnings pass over when they tell where they come from: hence the name of this file.
"""

import os
import sys

here = os.path.dirname(os.path.abspath(__file__))


def strip(error: BaseException) -> BaseException:
    """Take the frames of the launcher out of the traceback of an exception."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(here):
        trace = trace.tb_next
    return error.with_traceback(trace)


def show(error: BaseException) -> None:
    """Show the exception that ends the program as an interpreter does, which has nothing left to show then."""
    strip(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    hook, sys.excepthook = sys.excepthook, lambda *_: None
    try:
        hook(type(error), error, error.__traceback__)
    except Exception as problem:
        sys.stderr.write("Error in sys.excepthook:\n")
        sys.__excepthook__(type(problem), strip(problem), problem.__traceback__)
        sys.stderr.write("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, error.__traceback__)


if __name__ == "__main__":
    if sys.path[:1] == [here]:
        del sys.path[0]
    root = os.path.dirname(os.path.dirname(here))
    sys.path.append(root)
    if os.getpid() != 1 and os.fork():
        os._exit(0)
    os.write(int(sys.argv[2]), b"%d\n" % os.getpid())
    from orris_agent.launcher.begin import Begin
    from orris_agent.launcher.farewell import Farewell
    from orris_agent.launcher.serving import serve

    sys.path.remove(root)
    farewell = Farewell()
    try:
        serve(int(sys.argv[1]), int(sys.argv[2]))
    except Begin as begin:
        farewell.program = program = begin.program
    ended_by = None
    try:
        code, namespace = program.begin()
        exec(code, namespace)
    except BaseException as error:
        ended_by = error
    program.end(ended_by)
    if ended_by is not None:
        if not isinstance(ended_by, SystemExit):
            show(ended_by)
        raise ended_by
