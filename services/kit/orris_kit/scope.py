"""The workspace of a request against the workspace of its caller's token.

What a request's messages name is found from their descriptors once per method: the fields that hold resource names, and
the `name` of a resource inside the request (as updates send it).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from orris.errors import PermissionDenied
from orris_kit.auth import EVERY_WORKSPACE, Principal

PREFIX = "workspaces/"
RESOURCE_FIELDS = frozenset(
    {
        "name",
        "parent",
        "workspace",
        "endpoint",
        "environment",
        "experiment",
        "image",
        "model",
        "model_version",
        "run",
        "tree",
    }
)


class Scope:
    """Where the resource names of one kind of request stand."""

    def __init__(self, request: Descriptor) -> None:
        self._fields = tuple(field.name for field in request.fields if _is_name(field))
        self._inner = tuple(field.name for field in request.fields if _holds_resource(field))

    def check(self, request: Any, principal: Principal) -> None:
        """Raise PermissionDenied when the request names something of another workspace than the caller's."""
        if principal.workspace == EVERY_WORKSPACE:
            return
        for field in self._fields:
            _check(getattr(request, field), field, principal)
        for field in self._inner:
            if request.HasField(field):
                _check(getattr(request, field).name, f"{field}.name", principal)

    async def checked(self, requests: AsyncIterable[Any], principal: Principal) -> AsyncIterator[Any]:
        """Pass on a stream of requests, each checked."""
        async for request in requests:
            self.check(request, principal)
            yield request


def _check(name: str, field: str, principal: Principal) -> None:
    if name.startswith(PREFIX) and name[len(PREFIX) :].partition("/")[0] != principal.workspace:
        message = f"{field}: the token is of the workspace {principal.workspace!r}, not of {name[:100]!r}"
        raise PermissionDenied(message, reason="OTHER_WORKSPACE")


def _is_name(field: FieldDescriptor) -> bool:
    return field.name in RESOURCE_FIELDS and _is_single(field) and field.type == FieldDescriptor.TYPE_STRING


def _holds_resource(field: FieldDescriptor) -> bool:
    if field.message_type is None or not _is_single(field):
        return False
    name = field.message_type.fields_by_name.get("name")
    return name is not None and _is_single(name) and name.type == FieldDescriptor.TYPE_STRING


def _is_single(field: FieldDescriptor) -> bool:
    return not field.is_repeated
