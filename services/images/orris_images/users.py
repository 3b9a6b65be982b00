"""Who uses an image: the environments that it is the image of, and who refers to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from orris.names import EnvironmentVersionName
from orris_images import schema
from orris_images.curated import CURATED, CURATED_VERSION
from orris_images.records import Image

_CURATED = {spec.digest: name for name, spec in CURATED.items()}


@dataclass(frozen=True)
class Users:
    """Resource names by image."""

    environments: dict[str, list[str]]
    owners: dict[str, list[str]]

    def added_to(self, image: Image) -> Image:
        """Return an image with its users."""
        environments, owners = (self.environments.get(image.image, ()), self.owners.get(image.image, ()))
        return replace(image, environments=tuple(environments), owners=tuple(owners))


def users_of(connection: sa.Connection, workspace: str, images: Sequence[str]) -> Users:
    """Return the users of some images."""
    return Users(_environments_of(connection, workspace, images), owners_of(connection, workspace, images))


def owners_of(connection: sa.Connection, workspace: str, images: Sequence[str]) -> dict[str, list[str]]:
    """Return who refers to some images."""
    table = schema.references
    query = sa.select(table.c.image, table.c.owner).where(table.c.workspace == workspace, table.c.image.in_(images))
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(query.order_by(table.c.owner)):
        found[row.image].append(row.owner)
    return found


def _environments_of(connection: sa.Connection, workspace: str, images: Sequence[str]) -> dict[str, list[str]]:
    locks, table = schema.locks.c, schema.environments.c
    locked = sa.select(locks.digest, locks.image).where(locks.workspace == workspace, locks.image.in_(images))
    by_digest = {row.digest: row.image for row in connection.execute(locked)}
    versions = sa.select(table.digest, table.environment, table.version).where(table.workspace == workspace)
    versions = versions.where(table.digest.in_(list(by_digest))).order_by(table.environment, table.version.desc())
    found: dict[str, list[str]] = defaultdict(list)
    for digest in by_digest.keys() & _CURATED.keys():
        name = EnvironmentVersionName(workspace, _CURATED[digest], CURATED_VERSION)
        found[by_digest[digest]].append(str(name))
    for row in connection.execute(versions) if by_digest else ():
        name = EnvironmentVersionName(workspace, row.environment, str(row.version))
        found[by_digest[row.digest]].append(str(name))
    return found
