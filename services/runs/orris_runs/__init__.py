"""Orris runs: experiments, runs, the queue, agents, logs and metrics."""
