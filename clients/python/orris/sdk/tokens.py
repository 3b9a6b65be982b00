"""Tokens for others."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from orris.runs.v1 import runs_pb2, workspaces_service_pb2
from orris.sdk.connection import Connection

ROLES = {"user": runs_pb2.ROLE_USER, "reader": runs_pb2.ROLE_READER}
DAY = 86_400


def create_token(workspace: str, role: str, days: int, subject: str = "", address: str | None = None) -> str:
    """Return a new token for a workspace ("-": all of them). It can do no more than the caller's.

    Raises PermissionDenied when the caller may not hand it out.
    """
    request = workspaces_service_pb2.CreateTokenRequest(
        parent=f"workspaces/{workspace}", role=ROLES[role], lifetime=Duration(seconds=days * DAY), subject=subject
    )
    return Connection.find(address).workspaces.CreateToken(request).token
