"""Orris standalone: all services in one process and an agent beside it."""
