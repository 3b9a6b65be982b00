"""Images: list, show, delete, gc."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orris.cli.failures import say
from orris.cli.options import AsJson, InWorkspace, open_workspace, time_from
from orris.cli.output import ago, print_fields, print_json, print_table, size

if TYPE_CHECKING:
    from orris.sdk.images import Image

app = typer.Typer(name="images", help="Images that environments were made into.", no_args_is_help=True)

SHORT = 12

ImageId = Annotated[str, typer.Argument(metavar="IMAGE", help="Id of the image, or how it begins.")]


@app.command("list")
def list_(workspace: InWorkspace = None, json: AsJson = False) -> None:
    """List images, newest first, and who uses them."""
    from orris.sdk.images import Image

    found = list(Image.list(open_workspace(workspace)))
    if json:
        print_json([_summary(each) for each in found])
        return
    rows = (
        [each.id[:SHORT], _size(each), ago(each.created), ago(each.used), ", ".join(each.users), each.reference]
        for each in found
    )
    print_table(("IMAGE", "SIZE", "MADE", "USED", "USED BY", "REFERENCE"), rows, empty="no images")


@app.command()
def show(image: ImageId, workspace: InWorkspace = None, json: AsJson = False) -> None:
    """Show what is in an image, and who uses it."""
    from orris.sdk.images import Image

    found = Image.get(open_workspace(workspace), image)
    details, runs = found.details(), found.runs()
    if json:
        print_json({**_summary(found), **details, "runs": runs})
        return
    print_fields(
        {
            "image": found.id,
            "reference": found.reference,
            "size": _size(found),
            "made": found.created,
            "used": ago(found.used),
            "removed": found.collected and f"{ago(found.collected)}: it is made again when it is needed",
            "used by": found.users,
            "runs now": runs,
            "python": details["python"],
            "platform": details["platform"],
            "interpreter": details["interpreter"],
            "base image": details["baseImage"],
            "conda": [f"{key}={value}" for key, value in details["condaPackages"].items()],
            "packages": [f"{key}=={value}" for key, value in details["packages"].items()],
            "warnings": details["warnings"],
        }
    )


@app.command()
def delete(
    image: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Ids of images, or how they begin.")],
    workspace: InWorkspace = None,
) -> None:
    """Delete images that nothing uses. A later build makes them again, just as they were."""
    from orris.sdk.images import Image

    place = open_workspace(workspace)
    for each in image:
        found = Image.get(place, each)
        found.delete()
        say(f"{found.id}: deleted")


@app.command()
def gc(
    unused: Annotated[
        str | None, typer.Option(metavar="TIME", help="Keep what was used within this time: 24h, 7d; at least 2h.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only tell what would be collected.")] = False,
    workspace: InWorkspace = None,
    json: AsJson = False,
) -> None:
    """Free what images take that no model refers to and nobody has used for long.

    It is done by itself now and then, too. Whoever needs one has it made again. Those of curated environments stay.
    """
    from orris.sdk.images import collect_images

    kept = None if unused is None else time_from(unused, "--unused")
    found = collect_images(open_workspace(workspace), kept, dry_run=dry_run)
    if json:
        print_json([_summary(each) for each in found])
        return
    for each in found:
        typer.echo(f"{each.id}  {_size(each)}")
    what = f"{len(found)} image{'' if len(found) == 1 else 's'} of {size(sum(each.size for each in found))}"
    say(f"{what} {'would be ' if dry_run else ''}collected" if found else "nothing to collect")


def _summary(image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "reference": image.reference or None,
        "size": image.size,
        "users": image.users,
        "createTimeUtc": _iso(image.created),
        "useTimeUtc": _iso(image.used),
        "collectTimeUtc": _iso(image.collected),
    }


def _size(image: Image) -> str:
    return size(image.size) if image.size else ""


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
