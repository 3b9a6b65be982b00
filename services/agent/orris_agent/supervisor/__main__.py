"""Supervise one run: `python -I -S -B orris_agent/supervisor/__main__.py RUN_FOLDER`.

Starts what command.json in the folder says, ends it when it must end, and records how it ended in exit.json. The
command returns as soon as the supervisor stands on its own (a session of its own, nobody's child) and supervisor.json
names it; it fails, with the reason on stderr, when that cannot be. A folder is executed once: for one that has a
supervisor.json the command does nothing.

As the first process of a container: `python -I -S -B …/__main__.py RUN_FOLDER CONTROL_FOLDER`. The process itself is
the supervisor then, and reads what its agent says in a folder of its own, where the run cannot write.
"""

import os
import sys

# Last in the path, so that nothing beside this package is taken for a module of the standard library.
sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from orris_agent.supervisor.conduct import conduct
from orris_agent.supervisor.takeover import detach, take_over


def main() -> int:
    """Launch the supervisor and wait until it has taken over; in a container be it."""
    if len(sys.argv) not in (2, 3):
        print("usage: supervisor/__main__.py RUN_FOLDER [CONTROL_FOLDER]", file=sys.stderr)
        return 2
    folder = os.path.abspath(sys.argv[1])
    if len(sys.argv) == 3:
        return supervise_here(folder, os.path.abspath(sys.argv[2]))
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        try:
            supervise(folder, write_end)
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        failure = pipe.read().decode("utf-8", "replace")
    if failure:
        print("cannot supervise %s: %s" % (folder, failure), file=sys.stderr)
    return 1 if failure else 0


def supervise(folder: str, tell_launcher: int) -> None:
    """Become the supervisor of the run in `folder`, let the launcher return, and see the run to its end."""
    run = None
    try:
        detach({tell_launcher})
        run = take_over(folder)
    except BaseException as error:
        message = "%s: %s" % (type(error).__name__, error)
        os.write(tell_launcher, message.encode("utf-8", "backslashreplace")[:4000])
    os.close(tell_launcher)
    if run is not None:
        conduct(run)


def supervise_here(folder: str, control: str) -> int:
    """See the run to its end as a container's first process, whose end is the container's."""
    os.umask(0o077)
    os.chdir("/")
    run = take_over(folder, control)
    if run is not None:
        conduct(run)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # without the interpreter's farewell: 3 ms
