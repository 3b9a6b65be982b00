"""Runs as processes of this machine, in virtual environments."""
