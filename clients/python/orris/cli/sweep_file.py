"""A sweep described in a YAML file, or by `--param` options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.sdk.sweep_config import EarlyTermination
from orris.sdk.sweep_space import EXPRESSIONS, Expression

if TYPE_CHECKING:
    from orris.sdk.sweep_space import Value

# What is what it is in SweepConfig, and around it.
KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("script", "environment", "experiment"), (str, "a text")),
    **dict.fromkeys(("arguments", "resume_from", "resume_runs"), (list, "a list")),
}
KEYS = frozenset({*KINDS, "space", "sampling", "metric", "policy", "limits"})
LIMITS = frozenset({"max_total_runs", "max_concurrent_runs", "max_duration_minutes"})
POLICY_TIMES = frozenset({"evaluation_interval", "delay_evaluation"})


def read_sweep(path: Path) -> dict[str, Any]:
    """Return what a file says, in the terms of SweepConfig. Raises InvalidArgument that names the key.

    script: train.py
    space:
      kernel: {choice: [linear, rbf, poly]}
      penalty: {loguniform: [-3, 1]}
      degree: {choice: [2, 3], when: {kernel: poly}}
    sampling: {method: random, seed: 1}
    metric: {name: Accuracy, goal: maximize}
    policy: {bandit: {slack_factor: 0.2}, delay_evaluation: 5}
    limits: {max_total_runs: 20, max_concurrent_runs: 4}
    resume_from: [iris_1764000000_0123abcd]
    resume_runs: [iris_1764000000_0123abcd_7]
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidArgument(f"{path}: {error}", field="file") from error
    described = _mapping("the file", found, KEYS)
    if "space" not in described or "metric" not in described:
        raise InvalidArgument(f"{path}: give `space:` and `metric:`", field="space")
    for key, (kind, word) in KINDS.items():
        if key in described and not isinstance(described[key], kind):
            raise InvalidArgument(f"{key}: {word} is expected, not {described[key]!r:.100}", field=key)
    metric = described["metric"]
    metric = {"name": metric} if isinstance(metric, str) else _mapping("metric", metric, {"name", "goal"})
    return {
        **{key: described[key] for key in KINDS if key in described},
        "parameters": {
            name: _expression(str(name), each) for name, each in _mapping("space", described["space"]).items()
        },
        "metric": str(metric.get("name", "")),
        **({"goal": str(metric["goal"]).lower()} if "goal" in metric else {}),
        **_sampling(described.get("sampling")),
        **({"policy": _policy(described["policy"])} if described.get("policy") else {}),
        **_mapping("limits", described.get("limits") or {}, LIMITS),
    }


def parse_parameters(texts: Iterable[str]) -> dict[str, Expression]:
    """Return what several of `parse_parameter` say, by name. Raises InvalidArgument: one is there twice, too."""
    found: dict[str, Expression] = {}
    for name, expression in map(parse_parameter, texts):
        if name in found:
            raise InvalidArgument(f"{name!r}: it is there twice; give it once, with all its values", field="param")
        found[name] = expression
    return found


def parse_parameter(text: str) -> tuple[str, Expression]:
    """Return what `NAME=DISTRIBUTION:ARGUMENTS` says, for example `kernel=choice:linear,rbf`."""
    name, equals, rest = text.partition("=")
    kind, _, arguments = rest.partition(":")
    if not (equals and name and kind in EXPRESSIONS):
        known = ", ".join(EXPRESSIONS)
        message = (
            f"{text!r} is not of the form NAME=DISTRIBUTION:VALUES, for example C=uniform:0.1,10; there are {known}"
        )
        raise InvalidArgument(message, field="param")
    return name, _made(name, kind, [_scalar(each.strip()) for each in arguments.split(",")])


def _scalar(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _expression(name: str, described: Any) -> Expression:
    if isinstance(described, list):
        return _made(name, "choice", described)
    given = dict(_mapping(f"space: {name}", described, {*EXPRESSIONS, "when"}))
    when = given.pop("when", None)
    if len(given) != 1:
        raise InvalidArgument(f"space: {name}: give one of {', '.join(EXPRESSIONS)}", field="space")
    ((kind, arguments),) = given.items()
    made = _made(name, kind, arguments if isinstance(arguments, list) else [arguments])
    if when is None:
        return made
    conditions = _mapping(f"space: {name}: when", when)
    if len(conditions) != 1:
        raise InvalidArgument(f"space: {name}: when: name one other hyperparameter and its values", field="space")
    ((other, values),) = conditions.items()
    return made.when(str(other), *(values if isinstance(values, list) else [values]))


def _made(name: str, kind: str, arguments: list[Any]) -> Expression:
    # A choice of one range or list is what its items are.
    return Expression(kind, tuple(arguments)) if kind == "choice" else _called(name, kind, arguments)


def _called(name: str, kind: str, arguments: list[Any]) -> Expression:
    try:
        return EXPRESSIONS[kind](*arguments)
    except TypeError:
        takes = ", ".join(signature(EXPRESSIONS[kind]).parameters)
        raise InvalidArgument(f"{name}: {kind} takes {takes}; {len(arguments)} given", field="space") from None


def _sampling(described: Any) -> dict[str, Any]:
    if described is None:
        return {}
    if isinstance(described, str):
        return {"sampling": described}
    given = _mapping("sampling", described, {"method", "seed"})
    return {"sampling": given.get("method"), "seed": given.get("seed")}


def _policy(described: Any) -> EarlyTermination:
    if isinstance(described, str):
        return EarlyTermination(described)
    given = dict(_mapping("policy", described))
    times = {key: given.pop(key) for key in POLICY_TIMES if key in given}
    if len(given) != 1:
        message = "policy: give one of bandit, median_stopping, truncation_selection, asha"
        raise InvalidArgument(message, field="policy")
    ((kind, settings),) = given.items()
    try:
        return EarlyTermination(str(kind), **times, **_mapping(f"policy: {kind}", settings or {}))
    except TypeError as error:
        raise InvalidArgument(f"policy: {kind}: {str(error).partition(' ')[2]}", field="policy") from None


def _mapping(what: str, value: Any, known: frozenset[str] | set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{what}: keys and values are expected, not {value!r:.100}", field=what)
    unknown = sorted(str(key) for key in value if known is not None and key not in known)
    if unknown:
        message = f"{what}: {', '.join(unknown)} is not known; there are {', '.join(sorted(known or ()))}"
        raise InvalidArgument(message, field=what)
    return value
