"""What Azure has of compute targets and Orris has not, and what to do instead."""

from __future__ import annotations

_IDENTITY = "nodes have none in Azure; what runs are to know goes into environment_variables of their environment"
_ACCOUNT = "nodes have no account of their own; log in to the machine that they are on"
_ATTACHING = "create a cluster with ComputeTarget.create; ORRIS_POOL_ENGINE names the engine that brings its nodes"

INSTEAD = {
    "add_identity": _IDENTITY,
    "identity_id": _IDENTITY,
    "identity_type": _IDENTITY,
    "remove_identity": _IDENTITY,
    "admin_user_password": _ACCOUNT,
    "admin_user_ssh_key": _ACCOUNT,
    "admin_username": _ACCOUNT,
    "attach": _ATTACHING,
    "attach_configuration": _ATTACHING,
    "deserialize": "ComputeTarget(workspace, name) reads it",
    "detach": "delete() ends it with its nodes",
}
