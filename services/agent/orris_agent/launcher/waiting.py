"""The first process of a container that waits for its run: `python -I -S -B …/waiting.py RUN_FOLDER CONTROL_FOLDER`.

It becomes what launcher.json in the control folder says, `{"argv": […], "env": {…}}`: an interpreter as the run's
program has it, with importlib_bootstrap.py. Requests come, and replies go, through a socket of the agent's in the same
folder, as descriptors 3 and 4; so it ends when the agent does. What imports print is in launcher.log in the other one.
"""

import fcntl
import json
import os
import socket
import sys

REQUESTS, REPLIES = 3, 4


def main(run: str, control: str) -> None:
    """Connect to the agent and become the launcher."""
    with open(os.path.join(control, "launcher.json"), encoding="utf-8") as file:
        settings = json.load(file)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.path.join(control, "launcher.sock"))
    log = os.open(os.path.join(run, "launcher.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sources = [_out_of_the_way(descriptor) for descriptor in (log, log, connection.fileno(), connection.fileno())]
    for source, place in zip(sources, (1, 2, REQUESTS, REPLIES)):
        os.dup2(source, place)
    os.execvpe(settings["argv"][0], settings["argv"], settings["env"])


def _out_of_the_way(descriptor: int) -> int:
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
