"""Make the modules that _names.py lists."""

from importlib import import_module
from importlib.machinery import ModuleSpec

from orris._placeholder import placeholder

from ._names import CONSTANTS, MODULES, REAL

_placeholders = {}


class Finder:
    """Find the listed modules below `azureml`."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in MODULES:
            return None
        is_package = any(name.startswith(fullname + ".") for name in MODULES)
        return ModuleSpec(fullname, self, origin=__file__, is_package=is_package)

    def create_module(self, spec):
        return None  # the usual kind

    def exec_module(self, module) -> None:
        names = MODULES[module.__name__].split()
        for name in names:
            setattr(module, name, find(name, module.__name__))
        module.__all__ = names
        module.__doc__ = "Azure ML's names, as far as Orris supports them inside a run."


def find(name: str, module):
    """Return what `name` stands for: something real, or the one placeholder of that name."""
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in REAL:
        place, _, attribute = REAL[name].partition(":")
        return getattr(import_module(place), attribute)
    return _placeholders.setdefault(name, placeholder(name, module))
