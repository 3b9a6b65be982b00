"""Builders: from a lock to an image."""
