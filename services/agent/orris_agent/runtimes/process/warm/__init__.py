"""Warm starts: runs as forks of interpreters that have imported their libraries before (see launcher/)."""
