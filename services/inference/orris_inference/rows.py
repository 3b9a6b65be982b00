"""What answers, as the tables keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orris_inference.model import Code, Content, Deployment, Endpoint, Isolation, Phase, Resources, State


def content_columns(content: Content) -> dict[str, Any]:
    """Return the columns that say what answers."""
    return {
        "model_version": content.model_version,
        "model_versions": list(content.model_versions),
        "code": asdict(content.code) if content.code else None,
        "resources": asdict(content.resources) if content.resources else None,
        "isolation": content.isolation.value,
    }


def endpoint_of(row: Any) -> Endpoint:
    """Return the endpoint in a row."""
    values: Mapping[str, Any] = row._mapping
    own = {"state": State(values["state"]), "methods": tuple(values["methods"])}
    return Endpoint(**{**values, **_content_of(values), **own})


def deployment_of(row: Any) -> Deployment:
    """Return the deployment in a row."""
    values: Mapping[str, Any] = row._mapping
    return Deployment(**{**values, **_content_of(values), "phase": Phase(values["phase"])})


def _content_of(values: Mapping[str, Any]) -> dict[str, Any]:
    code, resources = values["code"], values["resources"]
    return {
        "model_versions": tuple(values["model_versions"]),
        "code": Code(**code) if code else None,
        "resources": Resources(**resources) if resources else None,
        "isolation": Isolation(values["isolation"]),
    }
