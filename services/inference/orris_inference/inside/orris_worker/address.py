"""Where a replica answers: told by its surroundings, and announced in its run's journal."""

import json
import os
import time

HOST = "ORRIS_REPLICA_HOST"
PORT = "ORRIS_REPLICA_PORT"


def address():
    """Return the host and the port to listen on; port 0 means any that is free."""
    return os.environ.get(HOST) or "127.0.0.1", int(os.environ.get(PORT) or 0)


def announce(bound):
    """Append the address to the journal with one write, so that no other event of the run is torn."""
    event = {"event": "address", "time": time.time(), "value": "%s:%d" % bound[:2]}
    line = (json.dumps(event) + "\n").encode("utf-8")
    journal = os.path.join(os.environ["ORRIS_RUN_FOLDER"], "journal.jsonl")
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
