"""Orris agent: the program on every machine that executes runs."""
