"""A sweep described in a YAML file, or by `--param` options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.sdk.given_values import shown
from orris.sdk.sweep_policy import EarlyTermination
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
# What each policy can be told besides.
POLICIES: dict[str, frozenset[str]] = {
    "bandit": frozenset({"slack_factor", "slack_amount"}),
    "median_stopping": frozenset(),
    "truncation_selection": frozenset({"percentage", "exclude_finished"}),
    "asha": frozenset({"min_interval", "reduction_factor"}),
}


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
    described = _mapping("the file", _loaded(path), KEYS)
    if "space" not in described or "metric" not in described:
        raise InvalidArgument(f"{path}: give `space:` and `metric:`", field="space")
    for key, (kind, word) in KINDS.items():
        if key in described and not isinstance(described[key], kind):
            raise InvalidArgument(f"{key}: {word} is expected, not {shown(described[key])}", field=key)
    return {
        **{key: described[key] for key in KINDS if key in described},
        "parameters": _space(described["space"]),
        **_metric(described["metric"]),
        **_sampling(described.get("sampling")),
        **_policy(described.get("policy")),
        **_optional_mapping("limits", described.get("limits"), LIMITS),
    }


def _loaded(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text())
    except RecursionError:
        raise InvalidArgument(f"{path}: it is nested too deeply", field="file") from None
    except (OSError, ValueError, yaml.YAMLError) as error:  # a ValueError: no text, or 2026-02-30
        raise InvalidArgument(f"{path}: {error}", field="file") from error


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


def _space(described: Any) -> dict[str, Expression]:
    return {_name("space", name): _expression(name, each) for name, each in _mapping("space", described).items()}


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
    return made.when(_name(f"space: {name}: when", other), *(values if isinstance(values, list) else [values]))


def _made(name: str, kind: str, arguments: list[Any]) -> Expression:
    # A choice of one range or list is what its items are.
    return Expression(kind, tuple(arguments)) if kind == "choice" else _called(name, kind, arguments)


def _called(name: str, kind: str, arguments: list[Any]) -> Expression:
    try:
        return EXPRESSIONS[kind](*arguments)
    except TypeError:
        takes = ", ".join(signature(EXPRESSIONS[kind]).parameters)
        raise InvalidArgument(f"{name}: {kind} takes {takes}; {len(arguments)} given", field="space") from None


def _metric(described: Any) -> dict[str, Any]:
    given = {"name": described} if isinstance(described, str) else _mapping("metric", described, {"name", "goal"})
    if "name" not in given:
        raise InvalidArgument("metric: give the `name:` of what the script logs", field="metric")
    goal = given.get("goal")
    named = {"metric": _name("metric", given["name"])}
    return named if goal is None else {**named, "goal": goal.lower() if isinstance(goal, str) else goal}


def _sampling(described: Any) -> dict[str, Any]:
    if isinstance(described, str):
        return {"sampling": described}
    given = _optional_mapping("sampling", described, {"method", "seed"})
    return {"sampling": given.get("method"), "seed": given.get("seed")}


def _policy(described: Any) -> dict[str, EarlyTermination]:
    if described is None:
        return {}
    if isinstance(described, str):
        return {"policy": EarlyTermination(described)}
    given = dict(_mapping("policy", described, {*POLICIES, *POLICY_TIMES}))
    times = {key: given.pop(key) for key in POLICY_TIMES if key in given}
    if len(given) != 1:
        raise InvalidArgument(f"policy: give one of {', '.join(POLICIES)}", field="policy")
    ((kind, settings),) = given.items()
    known = POLICIES[kind] | (POLICY_TIMES - times.keys())
    return {"policy": EarlyTermination(kind, **times, **_optional_mapping(f"policy: {kind}", settings, known))}


def _optional_mapping(what: str, value: Any, known: frozenset[str] | set[str]) -> Mapping[str, Any]:
    return {} if value is None else _mapping(what, value, known)


def _mapping(what: str, value: Any, known: frozenset[str] | set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidArgument(f"{what}: keys and values are expected, not {shown(value)}", field=what)
    strange = [key for key in value if known is not None and key not in known]
    if strange:
        unknown = sorted(key if isinstance(key, str) else shown(key) for key in strange)
        message = f"{what}: {', '.join(unknown)} is not known; there are {', '.join(sorted(known or ())) or 'none'}"
        raise InvalidArgument(message, field=what)
    return value


def _name(what: str, given: Any) -> str:
    if not isinstance(given, str):
        raise InvalidArgument(f"{what}: a name is a text, not {shown(given)}: put it in quotes", field=what)
    return given
