"""Warm starts in containers: some are started before their run is there, and wait with its imports done."""
