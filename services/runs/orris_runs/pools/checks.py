"""What a pool must look like. Bad fields are all named at once, each with what to do about it."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from math import isfinite

from orris.errors import FieldViolation, InvalidArgument
from orris.sizes import size_text
from orris_kit.text import is_text
from orris_runs import limits
from orris_runs.demands import Resources
from orris_runs.pools.model import NewPool, PoolUpdate

# What a pool can say to an engine, by the engine's name.
EngineOptions = Mapping[str, Callable[[], Collection[str]]]

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def check_pool(pool: NewPool, engines: EngineOptions) -> None:
    """Raise InvalidArgument (INVALID_POOL) with a violation for each field that cannot be used."""
    options = _wrong_options(pool, engines)
    _refuse([*_wrong_id(pool.id), *_wrong_engine(pool, engines), *options, *_wrong_rest(pool)])


def check_update(pool: NewPool, update: PoolUpdate) -> None:
    """Raise InvalidArgument (INVALID_POOL) for what a pool, as it would be, cannot have."""
    found = list(_wrong_rest(pool))
    if not pool.engine and (update.min_nodes or update.max_nodes):
        found.append(_violation("max_nodes", "this pool has no engine to ask for nodes: agents come by themselves"))
    _refuse(found)


def _refuse(found: list[FieldViolation]) -> None:
    if found:
        message = "; ".join(violation.description for violation in found[:3])
        raise InvalidArgument(message, violations=found[:20], reason="INVALID_POOL")


def _wrong_id(pool_id: str) -> Iterator[FieldViolation]:
    if not _ID.fullmatch(pool_id):
        what = "1 to 40 lower-case letters, digits and -, beginning with a letter or digit"
        yield FieldViolation("pool_id", f"pool_id: {what}, not {pool_id[:100]!r}")


def _wrong_engine(pool: NewPool, engines: Collection[str]) -> Iterator[FieldViolation]:
    if pool.engine and pool.engine not in engines:
        known = " or ".join(repr(name) for name in sorted(engines))
        yield _violation("engine", f"{known}, or empty for agents that come by themselves; not {pool.engine[:100]!r}")
    if not pool.engine and (pool.min_nodes or pool.max_nodes):
        yield _violation("max_nodes", "a pool without an engine has the agents that come to it: set `engine`")
    if pool.engine and not pool.max_nodes:
        yield _violation("max_nodes", f"1 to {limits.NODES:,}")


def _wrong_options(pool: NewPool, engines: EngineOptions) -> Iterator[FieldViolation]:
    if not pool.engine and pool.options:
        yield _violation("options", "a pool without an engine has nobody to tell: leave them out, or set `engine`")
    if pool.engine in engines:
        known = engines[pool.engine]()
        there = f"there are {', '.join(sorted(known))}" if known else "it has none: leave it out"
        for name in sorted(pool.options.keys() - set(known)):
            yield _violation("options", f"{name[:50]!r} is no option of the engine {pool.engine!r}; {there}")


def _wrong_rest(pool: NewPool) -> Iterator[FieldViolation]:
    if not 0 <= pool.max_nodes <= limits.NODES:
        yield _violation("max_nodes", f"0 to {limits.NODES:,}, not {pool.max_nodes}")
    if not 0 <= pool.min_nodes <= max(0, pool.max_nodes):
        yield _violation("min_nodes", f"0 to max_nodes, {pool.max_nodes}; not {pool.min_nodes}")
    if not (isfinite(pool.idle_seconds) and 0 < pool.idle_seconds <= limits.IDLE_SECONDS):
        yield _violation("idle_time", "more than 0 seconds and at most 30 days; leave it out for 30 minutes")
    if not 1 <= pool.node_slots <= limits.SLOTS:
        yield _violation("node_slots", f"1 to {limits.SLOTS:,}")
    yield from _wrong_resources(pool.node_resources)
    if not is_text(pool.description, limits.LABEL_VALUE):
        yield _violation("description", f"at most {limits.LABEL_VALUE:,} characters, without NUL")
    yield from _wrong_texts("options", pool.options)
    yield from _wrong_texts("tags", pool.tags)


def _wrong_resources(asked: Resources) -> Iterator[FieldViolation]:
    if asked.cpus and not (isfinite(asked.cpus) and limits.LEAST_CPUS <= asked.cpus <= limits.CPUS):
        yield _violation("node_resources.cpus", f"{limits.LEAST_CPUS} to {limits.CPUS:,} processors, or 0")
    memory = asked.memory_bytes
    if memory and not limits.LEAST_MEMORY_BYTES <= memory <= limits.MEMORY_BYTES:
        most, least = size_text(limits.MEMORY_BYTES), size_text(limits.LEAST_MEMORY_BYTES)
        yield _violation("node_resources.memory_bytes", f"{least} to {most}, or 0; it is in bytes")
    for name in ("pids", "gpus", "shared_memory_bytes"):
        if getattr(asked, name):
            yield _violation(f"node_resources.{name}", "a node has what its machine has; leave it out")


def _wrong_texts(field: str, texts: Mapping[str, str]) -> Iterator[FieldViolation]:
    if len(texts) > limits.TAGS:
        yield _violation(field, f"at most {limits.TAGS}, not {len(texts)}")
    for key, value in texts.items():
        if not key or not is_text(key, limits.LABEL_KEY) or not is_text(value, limits.LABEL_VALUE):
            what = f"keys are 1 to {limits.LABEL_KEY} characters, values at most {limits.LABEL_VALUE:,}, without NUL"
            yield _violation(field, f"{what}: {key[:50]!r}")
            return


def _violation(field: str, what: str) -> FieldViolation:
    return FieldViolation(f"pool.{field}", f"pool.{field}: {what}")
