"""Serve a pickled model over HTTP: the script of a replica's run."""

from orris_worker.main import main

main()
