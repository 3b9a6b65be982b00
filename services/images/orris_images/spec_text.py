"""Specs as text, for the database."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from orris_images.container import Dockerfile
from orris_images.spec import Base, Spec, variables
from orris_kit.conda_package import CondaPackage


def dump(spec: Spec) -> str:
    """Return a spec as JSON."""
    content = {**asdict(spec), "environment_variables": dict(spec.environment_variables)}
    return json.dumps(content, separators=(",", ":"), sort_keys=True)


def load(text: str) -> Spec:
    """Return the spec that `dump` wrote."""
    content: dict[str, Any] = _with_tuples(json.loads(text))
    content["environment_variables"] = variables(content["environment_variables"])
    if content["base"] is not None:
        base = _with_tuples(content["base"])
        base["conda_packages"] = tuple(CondaPackage(**each) for each in base.get("conda_packages", ()))
        content["base"] = Base(**base)
    if content.get("dockerfile") is not None:
        content["dockerfile"] = Dockerfile(**content["dockerfile"])
    return Spec(**content)


def _with_tuples(content: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
