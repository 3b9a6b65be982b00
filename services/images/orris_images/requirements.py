"""Read a requirements text: requirements, comments and indexes, nothing that reads or runs something else."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from orris.errors import InvalidArgument
from orris_images import pep508
from orris_images.quoting import quoted

SIZE_LIMIT = 256 * 1024
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)\s*=?\s*(.*)")
_REFUSED = {
    "-c": "a constraints file", "--constraint": "a constraints file", "-r": "another file",
    "--requirement": "another file", "-e": "an editable project", "--editable": "an editable project",
    "-f": "a page of links", "--find-links": "a page of links",
}  # fmt: skip


@dataclass
class Requirements:
    """What a requirements text says: packages in canonical form, and where to look for them."""

    packages: list[str] = field(default_factory=list)
    index_url: str | None = None
    extra_index_urls: list[str] = field(default_factory=list)


def parse(text: str, name: str = "requirements") -> Requirements:
    """Read requirements; errors name the line as `name:line`.

    Raises InvalidArgument for anything but requirements, comments, --index-url and --extra-index-url.
    """
    if len(text) > SIZE_LIMIT:
        raise InvalidArgument(f"{name} is larger than {SIZE_LIMIT} bytes", field=name)
    found = Requirements()
    for number, line in _logical_lines(text):
        read_line(line, f"{name}:{number}", found)
    return found


def read_line(line: str, where: str, found: Requirements) -> None:
    """Read one line into `found`."""
    if line.startswith("-"):
        _option(line, where, found)
    elif "--hash" in line:
        raise InvalidArgument(f"{where}: leave --hash out; the lock computes and checks hashes", field=where)
    elif re.match(r"[./~\\]|[A-Za-z+]+://|[A-Za-z]:\\", line):
        message = f"{where}: {quoted(line)} is a path or an address; only packages of an index are installed"
        raise InvalidArgument(message, field=where)
    else:
        found.packages.append(pep508.canonical(line, where))


def _option(line: str, where: str, found: Requirements) -> None:
    match = _OPTION.fullmatch(line)
    option, value = match.groups() if match else (line, "")
    if option in ("-i", "--index-url"):
        found.index_url = pep508.index_url(value, where)
    elif option == "--extra-index-url":
        found.extra_index_urls.append(pep508.index_url(value, where))
    else:
        names = _REFUSED.get(option, _REFUSED.get(option[:2], "an option"))
        message = f"{where}: {option[:60]} ({names}) is not supported; list packages, --index-url and --extra-index-url"
        raise InvalidArgument(message, field=where)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something with their numbers, those ending in a backslash joined with the next."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        start = start if parts else number
        bare = _COMMENT.sub("", line).rstrip()
        parts.append(bare.removesuffix("\\"))
        if not bare.endswith("\\"):
            if joined := " ".join(" ".join(parts).split()):
                yield start, joined
            parts = []
    if joined := " ".join(" ".join(parts).split()):
        yield start, joined
