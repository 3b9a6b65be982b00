"""A program: put conda packages into a prefix. `python -m orris_kit.conda_install REQUEST`

An archive is kept in the cache under its SHA-256 once it has been verified and looked into; rattler gets only those.
"""

import asyncio
import hashlib
import json
import os
import shutil
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orris_kit.conda_archive import Contents, check_together, contents
from orris_kit.conda_program import Answer, Refused, client, main, say

_DOWNLOADS = 8


class Archives:
    """The archives in a folder, each in `<SHA-256>/<file name>` with `contents.json` beside it."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._count, self._begun = folder, count, 0
        self._client, self._turn = client(), asyncio.Semaphore(_DOWNLOADS)

    async def get(self, package: dict[str, Any]) -> tuple[Path, Contents]:
        """Return an archive, fetched from the first of the package's `urls` that has it, and what is in it."""
        place = self._folder / package["sha256"]
        file, notes = place / package["file_name"], place / "contents.json"
        async with self._turn:
            if not notes.exists():
                place.mkdir(parents=True, exist_ok=True)
                found = await self._fetch(package, place, file)
                _write(notes, json.dumps(asdict(found)))
        return file, Contents(**json.loads(notes.read_bytes()))

    async def _fetch(self, package: dict[str, Any], place: Path, file: Path) -> Contents:
        work = place / f".{uuid.uuid4().hex[:8]}.{file.name}"
        self._begun += 1
        say(f"downloading {package['stem']}, {self._begun} of {self._count} packages")
        try:
            await self._download(package, work)
            with work.open("rb") as read:
                found = hashlib.file_digest(read, "sha256").hexdigest()
            if found != package["sha256"]:
                why = f"its SHA-256 is {found}, not {package['sha256']} as locked: refresh the environment"
                raise Refused(f"{package['stem']}: {why}, if the channel has replaced it")
            known = await contents(work, package["stem"])
            work.rename(file)
            return known
        finally:
            work.unlink(missing_ok=True)

    async def _download(self, package: dict[str, Any], work: Path) -> None:
        for url in package["urls"]:
            try:
                return await self._copy(url, work)
            except (FileNotFoundError, RuntimeError) as error:
                if not isinstance(error, FileNotFoundError) and "(404 " not in str(error):
                    raise
        raise Refused(f"{package['file_name']} is not in the channel {package['channel']} any more")

    async def _copy(self, url: str, work: Path) -> None:
        from rattler.package_streaming import download_to_path

        parts = urlsplit(url)
        if parts.scheme == "file":
            return await asyncio.to_thread(_copy_file, unquote(parts.path), work)
        try:
            await download_to_path(self._client, url, work)
        except RuntimeError as error:
            raise await self._explained(url, error) from error

    async def _explained(self, url: str, error: Exception) -> Exception:
        """Return why a server did not answer: rattler's downloads do not say so, its gateway does."""
        import rattler
        from rattler.exceptions import GatewayError

        if "Request failed" not in str(error):
            return error
        try:
            gateway = rattler.Gateway(self._folder.parent / "repodata", client=self._client)
            await gateway.names([url.rsplit("/", 2)[0]], ["noarch"])
        except GatewayError as reason:
            return RuntimeError(str(reason))
        return error


async def install(request: dict[str, Any]) -> Answer:
    """Install the packages of a request into `prefix`; the one that is written in files is `destination`."""
    import rattler

    packages, cache, prefix = request["packages"], Path(request["cache"]), Path(request["prefix"])
    archives = Archives(cache / "archives", len(packages))
    found = await asyncio.gather(*(archives.get(package) for package in packages))
    check_together(known for _, known in found)
    records = [await rattler.RepoDataRecord.from_package_archive(file) for file, _ in found]
    say(f"linking {len(packages)} packages")
    await rattler.install(
        records,
        prefix,
        cache_dir=cache / "packages",
        platform=rattler.Subdir(request["subdir"]),
        installed_packages=[],
        execute_link_scripts=False,
        show_progress=False,
        alternative_target_prefix=request["destination"],
        config=rattler.Config.from_toml(_links(request["link_mode"])),
    )
    _describe(prefix, packages)
    for known in (known for _, known in found):
        if any(path.endswith("-post-link.sh") for path in known.paths):
            say(f"warning: {known.stem} has a post-link script, which is not run")
    return {}


def _links(link_mode: str) -> str:
    return f"allow-hard-links = {'true' if link_mode == 'clone' else 'false'}\nallow-ref-links = true"


def _copy_file(file: str, work: Path) -> None:
    shutil.copyfile(file, work)


def _describe(prefix: Path, packages: list[dict[str, Any]]) -> None:
    """Say in conda's own records where packages are from, not where this machine had them."""
    for package in packages:
        file = prefix / "conda-meta" / f"{package['stem']}.json"
        known = json.loads(file.read_bytes())
        url = package["urls"][0]
        known |= {"url": url, "channel": url.removesuffix(f"/{package['subdir']}/{package['file_name']}")}
        known.pop("extracted_package_dir", None)
        known.pop("package_tarball_full_path", None)
        _write(file, json.dumps(known, indent=2))
    (prefix / "CACHEDIR.TAG").unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    work = file.with_name(f".{uuid.uuid4().hex[:8]}.{file.name}")
    work.write_text(text, encoding="utf-8")
    os.replace(work, file)


if __name__ == "__main__":
    main(install)
