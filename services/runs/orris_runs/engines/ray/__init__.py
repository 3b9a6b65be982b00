"""Agents on the machines of a Ray cluster: Ray places them, and its autoscaler brings the machines.

Ray is never loaded into this process. `cluster_side/` is a program of its own, run by the interpreter that Ray is
installed in; `conversation.py` talks to it, `engine.py` is the port's adapter.
"""
