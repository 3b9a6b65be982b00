"""What is in an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orris.images.v1 import images_service_pb2

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace


def find_image(workspace: Workspace, name: str) -> dict[str, Any]:
    """Return an image (its resource name) by keys: id, python, platform, packages {name: version}, warnings.

    Raises NotFound.
    """
    image = workspace.connection.images.GetImage(images_service_pb2.GetImageRequest(name=name)).image
    return {
        "id": image.name.rpartition("/")[2],
        "python": image.lock.python_version,
        "requestedPython": image.lock.requested_python_version or None,
        "platform": image.lock.platform,
        "packages": {package.name: package.version for package in image.lock.packages},
        "warnings": list(image.warnings),
    }
