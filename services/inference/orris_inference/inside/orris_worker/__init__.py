"""Serves a pickled model in the environment that made it: standard library and Python 3.6 syntax only."""
