"""Pages of lists: where a page begins, and the token of the next."""

from __future__ import annotations

from datetime import datetime

from orris.images.v1 import images_service_pb2 as pb
from orris.names import WorkspaceName
from orris_kit.paging import after_key, page_size, page_token

PAGE_SIZE = 100


def workspace_of(parent: str) -> str:
    """Return the workspace that a request's parent names."""
    return WorkspaceName.parse(parent, field="parent").workspace


Listing = pb.ListBuildsRequest | pb.ListImagesRequest


def page_of(request: Listing) -> tuple[str, tuple[datetime, str] | None, int]:
    """Return the workspace, the key to go on after (create time, id), and how many are wanted."""
    key = after_key(request.page_token, query_of(request), str, str)
    after = None if key is None else (datetime.fromisoformat(str(key[0])), str(key[1]))
    return (
        workspace_of(request.parent),
        after,
        page_size(request.page_size, default=PAGE_SIZE),
    )


def query_of(request: Listing | pb.ListEnvironmentsRequest) -> dict[str, object]:
    """Return what a page token must be of."""
    return {"list": type(request).__name__, "parent": request.parent}


def token_after(request: Listing, last: datetime, name: str) -> str:
    """Return the token of the page after what was made then under that id."""
    return page_token([last.isoformat(), name], query_of(request))
