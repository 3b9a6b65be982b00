"""Sweeps: runs of one program with other hyperparameters each, in search of the best."""
