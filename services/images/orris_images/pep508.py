"""Python requirements (PEP 508) in canonical form: names as PEP 503 has them, versions sorted, no addresses."""

from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from orris.errors import InvalidArgument
from orris_images.quoting import quoted

LENGTH_LIMIT = 1000


def canonical(text: str, field: str) -> str:
    """Return the requirement `text` in canonical form.

    Raises InvalidArgument naming `field` when it is none, or has an address.
    """
    requirement = _parsed(text, field)
    if requirement.url is not None:
        message = f"{field}: {quoted(text)} names an address; only packages of an index are installed"
        raise InvalidArgument(message, field=field)
    extras = f"[{','.join(sorted(map(canonicalize_name, requirement.extras)))}]" if requirement.extras else ""
    versions = ",".join(sorted(str(one) for one in requirement.specifier))
    marker = f"; {requirement.marker}" if requirement.marker else ""
    return f"{canonicalize_name(requirement.name)}{extras}{versions}{marker}"


def _parsed(text: str, field: str) -> Requirement:
    if len(text) > LENGTH_LIMIT or not text.isprintable():
        message = f"{field}: {quoted(text)} is too long for a requirement, or holds control characters"
        raise InvalidArgument(message, field=field)
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        why = str(error).splitlines()[0] if isinstance(error, InvalidRequirement) else "nested too deeply"
        message = f"{field}: {quoted(text)} is not a requirement ({why}); write it as name==1.2"
        raise InvalidArgument(message, field=field) from None


def name(requirement: str) -> str:
    """Return the package's name of a canonical requirement."""
    return canonicalize_name(Requirement(requirement).name)


def pinned(requirement: str) -> tuple[str, str] | None:
    """Return (name, version) when a canonical requirement allows one version only, else None."""
    parsed = Requirement(requirement)
    exact = [one.version for one in parsed.specifier if one.operator in ("==", "===")]
    if not exact or exact[0].endswith(".*"):
        return None
    return canonicalize_name(parsed.name), exact[0]


def index_url(text: str, field: str) -> str:
    """Return the address of an index.

    Raises InvalidArgument when it is not http(s), or carries credentials: those belong to the settings of the service.
    """
    url = text.strip()
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
        valid = valid and len(url) <= LENGTH_LIMIT and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise InvalidArgument(f"{field}: the address of an index begins with https:// or http://", field=field)
    if "@" in parts.netloc or parts.query or parts.fragment:
        message = (
            f"{field}: no credentials in the address of an index: they belong into the netrc file of the machine that "
            f"builds: `machine {parts.hostname} login NAME password PASSWORD` in ~/.netrc"
        )
        raise InvalidArgument(message, field=field)
    return url.rstrip("/")
