"""From the command line to a model that answers."""

import argparse
import os
import sys
import traceback

from orris_worker.address import address, announce
from orris_worker.load_model import CannotLoad, load
from orris_worker.model import Model
from orris_worker.server import ModelServer

SECRET = "ORRIS_REPLICA_SECRET"


def main():
    """Load the model, listen, say where in the run's journal, and answer until killed."""
    options = _options()
    secret = os.environ.pop(SECRET)
    model = Model(_load(options))
    server = ModelServer(address(), model, secret)
    announce(server.server_address)
    print("Serving %s" % model.estimator_name, flush=True)
    server.serve_forever()


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="path of the pickled model")
    parser.add_argument("--source", help="folder with the source files of the run that made the model")
    parser.add_argument("--script", help="path in that folder of the script that made it")
    return parser.parse_args()


def _load(options):
    path = os.path.abspath(options.model)
    source = os.path.abspath(options.source) if options.source else None
    if source:
        # The script was run in its snapshot: what it reads by a relative path is found again.
        os.chdir(source)
    sys.argv = [options.script or "serve.py"]
    print("Loading %s" % options.model, flush=True)
    try:
        return load(path, options.script, source)
    except CannotLoad as error:
        # The cause first: its last line of the user's own code says more than any frame of ours.
        cause = error.__cause__
        if cause is not None:
            traceback.print_exception(type(cause), cause, cause.__traceback__)
        sys.exit(str(error))
