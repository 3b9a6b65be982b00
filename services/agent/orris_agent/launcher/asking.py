"""Whether an import asks for what is each process's own: chance, its id, its folder, files of its own.

What it makes of the answer would be the same in all forks, where fresh interpreters have a different one each.
"""

import gc
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# They make nothing of it that outlives a fork, or what `anew` makes anew; and a module in C has no name here.
_HARMLESS = frozenset(
    "_frozen_importlib importlib joblib multiprocessing numpy orris_agent psutil rich scipy sklearn tempfile".split()
)
_ON_BEHALF_OF_OTHERS = (__name__, "random", "secrets", "uuid")
_CHANCE = "its import draws numbers by chance"
_SEEDS = "its import seeds what numbers are drawn from"

_asked = []  # type: list[str]
_replaced = []  # type: list[tuple[Any, str, Any, Any]]


def begin() -> None:
    """Notice what is asked from now on."""
    _replace(os, "urandom", _noticing(os.urandom, _CHANCE))
    _replace(os, "getpid", _noticing(os.getpid, "its import asks for the process's id"))
    _replace(os, "getcwd", _noticing(os.getcwd, "its import asks for the working directory"))
    if "random" in sys.modules:
        _watch(sys.modules["random"])
    else:
        sys.meta_path.insert(0, _Random)


def end() -> None:
    """Notice nothing any more, and leave nobody with what did."""
    if _Random in sys.meta_path:
        sys.meta_path.remove(_Random)
    back = {id(noticing): function for _, _, function, noticing in _replaced}
    for owner, name, function, _ in _replaced:
        setattr(owner, name, function)
    for known in gc.get_referrers(*[noticing for _, _, _, noticing in _replaced]):
        if type(known) is dict:
            for name, value in list(known.items()):
                if id(value) in back:
                    known[name] = back[id(value)]
    del _replaced[:], _asked[:]


def asked() -> "str | None":
    """Return what was asked first since the last time, None for nothing."""
    first = _asked[0] if _asked else None
    del _asked[:]
    return first


def is_drawn() -> bool:
    """Tell whether what numpy draws from was seeded, or drawn from: it is not watched as it is loaded."""
    numpy = sys.modules.get("numpy.random")
    return numpy is not None and bool(numpy.get_state()[2] != numpy.RandomState().get_state()[2])


def files() -> "list[str]":
    """Return the files that are open, by their descriptors."""
    return [name for name in os.listdir("/proc/self/fd") if int(name) > 2 and _is_file(int(name))]


class _Random:
    """Finds the module `random`, to watch it as soon as it is there."""

    @classmethod
    def find_spec(cls, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        if name != "random":
            return None
        # By this name: `importlib` would be there in all runs.
        spec = sys.modules["_frozen_importlib_external"].PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = lambda module: _execute(spec.loader, module)
        return spec


def _execute(loader: "Any", module: "Any") -> None:
    del loader.exec_module
    loader.exec_module(module)
    _watch(module)


def _watch(random: "Any") -> None:
    _replace(random, "seed", _noticing(random.seed, _SEEDS, unless=_is_by_chance))
    if hasattr(random, "_urandom") and random._urandom is not os.urandom:
        _replace(random, "_urandom", os.urandom)
    _replace(random.Random, "seed", _noticing(random.Random.seed, _CHANCE, unless=_is_seeded))


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _is_seeded(_generator: object, a: object = None, version: int = 2) -> bool:
    return a is not None


def _is_by_chance(a: object = None, version: int = 2) -> bool:
    return a is None


def _replace(owner: "Any", name: str, noticing: "Any") -> None:
    _replaced.append((owner, name, getattr(owner, name), noticing))
    setattr(owner, name, noticing)


def _noticing(
    function: "Callable[..., Any]", what: str, unless: "Callable[..., bool]" = lambda *_, **__: False
) -> "Callable[..., Any]":
    def ask(*arguments: "Any", **options: "Any") -> "Any":
        if not unless(*arguments, **options) and _who_asks() not in _HARMLESS:
            _asked.append(what)
        return function(*arguments, **options)

    return ask


def _who_asks() -> str:
    """Return the package whose code asks."""
    frame = sys._getframe(1)  # type: Any
    while frame is not None and frame.f_globals.get("__name__") in _ON_BEHALF_OF_OTHERS:
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__")).partition(".")[0]
