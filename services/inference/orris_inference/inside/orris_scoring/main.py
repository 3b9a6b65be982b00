"""From the run's environment variables to a scoring script that answers."""

import os
import sys

from orris_scoring import processes
from orris_scoring.arguments import arguments_of
from orris_scoring.caller import Caller
from orris_scoring.script import Unusable, load
from orris_scoring.server import ScoringServer
from orris_scoring.settings import Settings
from orris_worker.address import address, announce

SECRET = "ORRIS_REPLICA_SECRET"


def main():
    """Listen, have the script's init() called in each process, say where in the run's journal, answer until killed."""
    settings = Settings(os.environ)
    server = ScoringServer(address(), os.environ.pop(SECRET))
    settings.take_place()
    processes.run(settings.workers, lambda ready: _serve(server, settings, ready), lambda: _begin(server, settings))


def _serve(server, settings, ready):
    """Answer by the script, in the main thread of this process."""
    try:
        script = load(settings.entry_script, settings.app_root)
        arguments = arguments_of(script.run)
    except Unusable as error:
        sys.exit(str(error))
    caller = Caller(settings.time_limit)
    server.answer_by(script, arguments, caller, alone=settings.workers == 1)
    ready()
    caller.serve()


def _begin(server, settings):
    announce(server.server_address)
    print("Serving %s" % settings.entry_name, flush=True)
