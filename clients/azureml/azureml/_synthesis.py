"""Make the modules that _names.py lists. What a name stands for is imported when it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from azureml._names import CONSTANTS, MODULES, REAL

_placeholders: dict[str, type] = {}


class Finder(MetaPathFinder, Loader):
    """Find the listed modules below `azureml`, before anything that lies in a folder of that name."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        is_package = any(name.startswith(f"{fullname}.") for name in MODULES)
        return ModuleSpec(fullname, self, is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == "azureml.core":
            from azureml._other_azureml import refuse

            refuse()
        names = MODULES[module.__name__].split()
        constants = {name: CONSTANTS[name] for name in names if name in CONSTANTS}
        vars(module).update(
            constants,
            __all__=names,
            __doc__="Azure ML's names, answered by Orris. See `help(azureml)`.",
            __getattr__=partial(_attribute, module),
            __dir__=lambda: sorted({*vars(module), *names}),
        )


def _attribute(module: ModuleType, name: str) -> object:
    """Return what `module.name` stands for and keep it there: a listed name, or a module below."""
    below = f"{module.__name__}.{name}"
    if name in MODULES[module.__name__].split():
        value = find(name, module.__name__)
    elif below in MODULES:
        value = import_module(below)
    else:
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
    setattr(module, name, value)
    return value


def find(name: str, module: str) -> object:
    """Return what `name` stands for: something real, or the one placeholder of that name."""
    if name in REAL:
        place, _, attribute = REAL[name].partition(":")
        return getattr(import_module(place), attribute)
    from azureml._placeholder import placeholder

    return _placeholders.setdefault(name, placeholder(name, module))
