"""Answers with a user's scoring script, `init()` and `run(data)`: standard library and Python 3.6 syntax only."""
