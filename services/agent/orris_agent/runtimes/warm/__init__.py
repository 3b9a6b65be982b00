"""Runs that begin with their imports done: what forks of launchers and containers that wait have in common."""
