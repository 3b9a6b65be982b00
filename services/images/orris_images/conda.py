"""Read a conda environment file into a Spec."""

import yaml

from orris.errors import InvalidArgument
from orris_images import conda_names, requirements
from orris_images.conda_names import MatchSpec
from orris_images.quoting import without_credentials
from orris_images.spec import Spec, variables

SIZE_LIMIT = 64 * 1024
DEPTH_LIMIT = 10


def parse_conda(text: str, name: str = "conda_file", *, strict: bool = False) -> Spec:
    """Read the YAML of a conda environment; errors name the place as `conda_file.dependencies[2]`.

    `python` among the dependencies becomes the Python asked for, the section `pip` the packages, `variables` the
    environment variables. `dependencies` must be there, `channels` may; other keys say nothing about the environment
    and are ignored.

    Raises InvalidArgument when it is not such a file.
    """
    document = _load(text, name)
    python, conda, pip = _dependencies(_list(document.get("dependencies") or [], f"{name}.dependencies"), name)
    return Spec(
        packages=tuple(pip.packages),
        python=python,
        conda_packages=tuple(conda),
        channels=tuple(_texts(document.get("channels") or [], f"{name}.channels")),
        index_url=pip.index_url,
        extra_index_urls=tuple(pip.extra_index_urls),
        environment_variables=variables(_mapping(document.get("variables") or {}, f"{name}.variables")),
        strict=strict,
    )


def _load(text: str, name: str) -> dict[str, object]:
    """Load hostile YAML: bounded in size and depth, without aliases (a few lines of them can mean gigabytes) and with
    text only.

    Text only (BaseLoader) keeps `python: 3.10` from becoming 3.1.
    """
    if len(text) > SIZE_LIMIT:
        raise InvalidArgument(f"{name} is larger than {SIZE_LIMIT} characters", field=name)
    try:
        _check_events(text, name)
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (makes text, lists and mappings only)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = " ".join(without_credentials(str(error)).split())[:300]
        raise InvalidArgument(f"{name} is not YAML: {why}", field=name) from None
    if not isinstance(document, dict) or "dependencies" not in document:
        # A misspelt `dependencies` would otherwise be an environment with nothing in it.
        raise InvalidArgument(f"{name} must be a mapping with `dependencies`", field=name)
    return document


def _check_events(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidArgument(f"{name} uses YAML aliases, which an environment file does not need", field=name)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise InvalidArgument(f"{name} is nested too deeply", field=name)


def _dependencies(items: list[object], name: str) -> tuple[str | None, list[str], requirements.Requirements]:
    python, conda, pip = None, list[str](), requirements.Requirements()
    for number, item in enumerate(items):
        where = f"{name}.dependencies[{number}]"
        if isinstance(item, dict):
            _pip(item, where, pip)
            continue
        match = MatchSpec.parse(_text(item, where), where)
        if match.name == "python":
            python = match.versions or python
        else:
            conda.append(conda_names.canonical(match.text, where))
    return python, conda, pip


def _pip(item: dict[str, object], where: str, found: requirements.Requirements) -> None:
    if list(item) != ["pip"]:
        raise InvalidArgument(f"{where}: only `pip:` may hold a list of its own", field=where)
    for number, line in enumerate(_texts(item["pip"] or [], f"{where}.pip")):
        if line.strip():
            requirements.read_line(line.strip(), f"{where}.pip[{number}]", found)


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise InvalidArgument(f"{where} must be a list", field=where)
    return value


def _texts(value: object, where: str) -> list[str]:
    return [_text(item, f"{where}[{number}]") for number, item in enumerate(_list(value, where))]


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{where} must be text", field=where)
    return value


def _mapping(value: object, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{where} must be a mapping", field=where)
    return {_text(key, where): _text(item, f"{where}.{key}") for key, item in value.items()}
