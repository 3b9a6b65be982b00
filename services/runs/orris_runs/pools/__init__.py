"""Pools: which machines runs are submitted to, and how many of them there are."""
