"""What a run is put into: a process of its own, or a container. `port.py` says what both can do."""
