"""Orris images: environments, their locks, and what makes them runnable."""
