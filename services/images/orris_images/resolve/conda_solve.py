"""A program: choose conda packages that fit together. `python -m orris_images.resolve.conda_solve REQUEST`"""

import difflib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orris_images.resolve.conda_python import CondaPython, choose_python
from orris_images.resolve.eras import era
from orris_kit.conda_program import Answer, Refused, client, main, say

_NEAR = 3


class Channels:
    """The channels of a request that are there, most important first."""

    def __init__(self, gateway: Any, subdirs: list[Any]) -> None:
        self.gateway, self.subdirs = gateway, subdirs
        self.by_url: dict[str, str] = {}
        self._names: set[str] = set()

    async def add(self, name: str, urls: list[str]) -> bool:
        """Add a channel, at the first of the addresses that it may have where it is; tell whether there is one."""
        for url in urls:
            try:
                names = await self.gateway.names([url], self.subdirs)
            except Exception as error:
                if "could not find subdir" not in str(error):
                    raise
                continue
            self.by_url[url] = name
            self._names |= {each.normalized for each in names}
            return True
        return False

    def url(self, name: str) -> str:
        """Return where a channel is. Raises Refused when it is none of these."""
        for url, known in self.by_url.items():
            if known == name:
                return url
        raise Refused(f"the conda channel {name}, which one package is to be of, is not among the channels {self}")

    def check(self, names: Iterable[str]) -> None:
        """Raise Refused where a package is in none of the channels, with names that are near to its own."""
        for name in names:
            if name not in self._names:
                near = difflib.get_close_matches(name, self._names, _NEAR)
                hint = f" (near: {', '.join(near)})" if near else ""
                raise Refused(f"there is no package {name} in the conda channels {self}{hint}")

    async def pythons(self) -> set[str]:
        """Return the versions of Python that the channels have."""
        found = await self.gateway.query([*self.by_url], self.subdirs, ["python"], recursive=False)
        return {str(record.version) for records in found for record in records}

    def __str__(self) -> str:
        return ", ".join(self.by_url.values())


async def solve(request: dict[str, Any]) -> Answer:
    """Answer with the packages for a request, and with warnings about them."""
    import rattler

    gateway = rattler.Gateway(Path(request["cache"]) / "repodata", client=client())
    channels = Channels(gateway, [request["subdir"], "noarch"])
    missing = [each["name"] for each in request["channels"] if not await channels.add(each["name"], each["urls"])]
    if not channels.by_url or (missing and request["strict"]):
        raise Refused(f"at no configured address is there a conda channel {', '.join(missing)}")
    channels.check(["python", *(spec["name"] for spec in request["specs"])])
    python = choose_python(request["python"], await channels.pythons(), request["strict"])
    warnings = [f"warning: there is no conda channel {name} at a configured address" for name in missing]
    warnings += [python.warning] if python.warning else []
    if python.note:
        say(python.note)
    specs = [f"python {python.versions}", *(_match(spec, channels) for spec in request["specs"])]
    records = await _of_the_time(channels, specs, python, warnings)
    packages = [_package(record, channels) for record in records]
    return {"packages": packages, "warnings": warnings, "substitution": python.warning}


async def _of_the_time(channels: Channels, specs: list[str], python: CondaPython, warnings: list[str]) -> list[Any]:
    """Solve as of the first months of a substitute, as libraries of that time are what the spec means; else today."""
    from rattler.exceptions import SolverError

    day = era(python.substitute) if python.substitute else None
    say(f"resolving {len(specs)} conda packages in {channels}" + (f", released by {day}" if day else ""))
    if day is not None:
        try:
            found = await _solved(channels, specs, datetime.fromisoformat(day).replace(tzinfo=UTC))
            warnings.append(f"conda packages without a pin are those of this Python's first months: released by {day}")
            return found
        except SolverError:
            warnings.append(f"WARNING: no conda packages released before {day} fit: they are TODAY'S VERSIONS")
    try:
        return await _solved(channels, specs, None)
    except SolverError as error:
        raise Refused(f"no conda packages satisfy this environment. {error}") from error


async def _solved(channels: Channels, specs: list[str], newest: datetime | None) -> list[Any]:
    import rattler

    found: list[Any] = await rattler.solve(
        [*channels.by_url],
        specs,
        channels.gateway,
        channels.subdirs,
        virtual_packages=rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env()),
        channel_priority=rattler.ChannelPriority.Strict,
        exclude_newer=newest,
        timestamp_policy="allow-missing",
        channel_relations="disabled",
    )
    return found


def _match(spec: dict[str, str], channels: Channels) -> str:
    """Return one line as rattler reads it: `numpy[version="1.2.*",channel="https://…"]`."""
    versions = ",".join(_version(part) for part in spec["versions"].split(",")) if spec["versions"] else ""
    channel = channels.url(spec["channel"]) if spec["channel"] else ""
    keys = (("version", versions), ("build", spec["build"]), ("channel", channel))
    inside = ",".join(f'{key}="{value}"' for key, value in keys if value)
    return f"{spec['name']}[{inside}]" if inside else spec["name"]


def _version(part: str) -> str:
    """pip writes `==1.2.*` where conda writes `1.2.*`."""
    return part.removeprefix("==") if part.startswith("==") and part.endswith(".*") else part


def _package(record: Any, channels: Channels) -> dict[str, str]:
    if record.sha256 is None:
        raise Refused(f"{record.file_name}: its channel gives no SHA-256, so it cannot be locked")
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "channel": channels.by_url[record.channel.rstrip("/")],
        "subdir": record.subdir,
        "file_name": record.file_name,
        "sha256": record.sha256.hex(),
    }


if __name__ == "__main__":
    main(solve)
