"""What a submitted run must look like. Bad fields are all named at once, each with what to do about it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orris.errors import FieldViolation, InvalidArgument
from orris.names import EnvironmentVersionName, ImageName, RunName, TreeName, check_id, parse_environment
from orris_kit.text import is_text
from orris_runs import limits
from orris_runs.data_checks import check_data
from orris_runs.demand_checks import wrong_demands
from orris_runs.demands import NO_DEMANDS, Isolation
from orris_runs.model import Distribution, Kind, NewRun, Program

_POOL = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass
class _Findings:
    found: list[FieldViolation] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.found.append(FieldViolation(where, f"{where}: {what}"))

    def demand(self, holds: bool, where: str, what: str) -> None:
        if not holds:
            self.add(where, what)


def check_run(run: NewRun) -> None:
    """Raise InvalidArgument (INVALID_RUN) with a violation for each field that cannot be used."""
    findings = _Findings()
    _check_id(findings, "run.experiment", "experiment", run.experiment)
    findings.demand(_POOL.fullmatch(run.pool) is not None, "run.pool", "1 to 63 lower-case letters, digits and -")
    findings.demand(is_text(run.display_name, limits.DISPLAY_NAME), "run.display_name", "at most 255 characters")
    findings.demand(run.kind is not Kind.SWEEP, "run.kind", "a sweep is created by SweepService.CreateSweep")
    _check_references(findings, run)
    if run.kind is Kind.INTERACTIVE:
        _check_has_no_program(findings, run)
    else:
        _check_program(findings, run.program)
    check_data(findings.add, run)
    _check_time_limit(findings, run)
    _check_variables(findings, run)
    findings.found.extend(wrong_demands(run.demands))
    _check_priority(findings, run)
    _check_repetition(findings, run)
    _check_distribution(findings, run)
    check_labels(findings.add, "run.tags", run.tags)
    check_labels(findings.add, "run.properties", run.properties)
    if findings.found:
        message = "; ".join(violation.description for violation in findings.found[:3])
        raise InvalidArgument(message, violations=findings.found[:20], reason="INVALID_RUN")


def check_labels(add: Callable[[str, str], None], where: str, labels: Mapping[str, str]) -> None:
    """Add what is wrong with tags or properties."""
    if len(labels) > limits.TAGS:
        add(where, f"at most {limits.TAGS}, not {len(labels)}")
    for key, value in labels.items():
        if (wrong := wrong_label(key, value)) is not None:
            add(where, wrong)
            return


def wrong_label(key: str, value: str) -> str | None:
    """Return what is wrong with a tag or property; None when nothing is."""
    if not key or not is_text(key, limits.LABEL_KEY):
        return f"keys are 1 to {limits.LABEL_KEY} characters: {key[:50]!r}"
    if not is_text(value, limits.LABEL_VALUE):
        return f"the value of {key!r} is over {limits.LABEL_VALUE} characters, or has a NUL; keep it in a file"
    return None


def _check_references(findings: _Findings, run: NewRun) -> None:
    findings.demand(
        bool(run.environment or run.image) or run.kind is Kind.INTERACTIVE,
        "run.environment",
        "name an environment (or an image) to run in",
    )
    references: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        ("run.environment", run.environment, parse_environment),
        ("run.image", run.image, ImageName.parse),
        ("run.snapshot", run.program.snapshot, TreeName.parse),
        ("run.parent_run", run.parent_run, RunName.parse),
    )
    for where, name, parse in references:
        try:
            parsed = parse(name, field=where) if name else None
        except InvalidArgument as error:
            findings.add(where, error.message.removeprefix(f"{where}: "))
            continue
        if parsed is not None and parsed.workspace != run.workspace:
            findings.add(where, f"{name[:200]!r} is of another workspace than the run, {run.workspace!r}")


def _check_has_no_program(findings: _Findings, run: NewRun) -> None:
    program, why = run.program, "an interactive run is a program that runs already; leave it out"
    given = {
        "run.script": program.script,
        "run.command": program.command,
        "run.arguments": program.arguments,
        "run.environment": run.environment,
        "run.image": run.image,
        "run.environment_variables": program.variables,
        "run.secret_environment_variables": run.secrets,
        "run.time_limit": program.time_limit,
        "run.resources": run.demands != NO_DEMANDS,
    }
    for where, value in given.items():
        findings.demand(not value, where, why)


def _check_program(findings: _Findings, program: Program) -> None:
    if bool(program.script) == bool(program.command):
        findings.add("run.script", "set either `script` or `command`")
    if program.script:
        _check_script(findings, program)
    if program.command:
        findings.demand(bool(program.command[0]), "run.command", "begin with the program to run")
        findings.demand(not program.arguments, "run.arguments", "belong to a script; put them into `command`")
    words = (*program.arguments, *program.command)
    findings.demand(len(words) <= limits.ARGUMENTS, "run.arguments", f"at most {limits.ARGUMENTS}")
    sizes = [len(word.encode()) for word in words]
    fits = max(sizes, default=0) <= limits.ARGUMENT_BYTES and sum(sizes) <= limits.ARGUMENTS_BYTES
    findings.demand(fits, "run.arguments", "too long for a command line; keep it in a file of the snapshot")
    findings.demand(not any("\0" in word for word in words), "run.arguments", "an argument cannot have a NUL in it")


def _check_script(findings: _Findings, program: Program) -> None:
    script = program.script
    if script.startswith("/") or "\\" in script or re.match(r"[A-Za-z]:", script):
        findings.add("run.script", f"{script[:200]!r} must be a path relative to the snapshot, separated by `/`")
    elif len(script.encode()) > limits.PATH_BYTES or any(part in {"", ".", ".."} for part in script.split("/")):
        findings.add("run.script", f"{script[:200]!r} is no path in the snapshot")
    findings.demand(bool(program.snapshot), "run.snapshot", "a script needs the snapshot that it is in")


def _check_time_limit(findings: _Findings, run: NewRun) -> None:
    limit = run.program.time_limit
    if limit is None:
        return
    fits = 0 < limit <= limits.TIME_LIMIT_SECONDS
    findings.demand(fits, "run.time_limit", "more than 0 seconds and at most 366 days; leave it out for the default")
    findings.demand(run.kind is not Kind.REPLICA, "run.time_limit", "a replica has no time limit; leave it out")


def _check_priority(findings: _Findings, run: NewRun) -> None:
    most = limits.PRIORITY
    findings.demand(-most <= run.priority <= most, "run.priority", f"-{most} to {most}, the highest first")


def _check_repetition(findings: _Findings, run: NewRun) -> None:
    most = limits.RETRIES
    if run.reuse:
        findings.demand(run.kind is Kind.TRAINING, "run.reuse", "only training runs leave results to be used again")
        findings.demand(not run.secrets, "run.reuse", "what a run does with secrets is not used again; leave one out")
    findings.demand(0 <= run.max_retries <= most, "run.max_retries", f"0 to {most}")
    if run.kind is Kind.REPLICA:
        findings.demand(not run.max_retries, "run.max_retries", "a replica is replaced, not repeated; leave it out")


def _check_distribution(findings: _Findings, run: NewRun) -> None:
    if run.program.distribution is Distribution.NONE:
        return
    where = "run.distribution"
    findings.demand(run.kind is Kind.TRAINING and bool(run.program.script), where, "only scripts that train are spread")
    contained = run.demands.isolation is Isolation.CONTAINER
    findings.demand(not contained, where, "a container has no way to the Ray cluster; leave `run.isolation` out")


def _check_variables(findings: _Findings, run: NewRun) -> None:
    ordinary, secret = run.program.variables, run.secrets
    findings.demand(
        len(ordinary) + len(secret) <= limits.VARIABLES, "run.environment_variables", f"at most {limits.VARIABLES}"
    )
    size = sum(len(part.encode()) for variables in (ordinary, secret) for pair in variables.items() for part in pair)
    findings.demand(
        size <= limits.VARIABLES_BYTES, "run.environment_variables", f"at most {limits.VARIABLES_BYTES} bytes together"
    )
    findings.found.extend(_wrong_variables("run.environment_variables", ordinary))
    findings.found.extend(_wrong_variables("run.secret_environment_variables", secret))


def _wrong_variables(where: str, variables: Mapping[str, str]) -> Iterator[FieldViolation]:
    """Name what is wrong, but no value: it may be a secret."""
    for name, value in variables.items():
        if len(name) > limits.VARIABLE_NAME or not _VARIABLE.fullmatch(name):
            yield FieldViolation(where, f"{where}: {name[:100]!r} is no name of a variable: letters, digits and _")
        elif "\0" in value:
            yield FieldViolation(where, f"{where}: the value of {name} has a NUL in it")


def _check_id(findings: _Findings, where: str, kind: str, value: str) -> None:
    try:
        check_id(kind, value, field=where)
    except InvalidArgument as error:
        findings.add(where, error.message.removeprefix(f"{where}: "))


def is_version(environment: str) -> bool:
    """Tell whether an environment's name says which version is meant."""
    return isinstance(parse_environment(environment), EnvironmentVersionName)
