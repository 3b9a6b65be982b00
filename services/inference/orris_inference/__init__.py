"""Orris inference: endpoints, deployments and predictions."""
