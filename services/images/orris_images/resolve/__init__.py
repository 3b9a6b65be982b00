"""Resolvers: from a spec and a Python to a lock."""
