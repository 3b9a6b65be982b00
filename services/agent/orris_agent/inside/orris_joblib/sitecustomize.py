"""Read by the interpreter of a run that is spread, before its program: tells joblib of the cluster as it is imported.

A `sitecustomize` of the environment's own is read as well.
"""

import os
import sys
from importlib.machinery import PathFinder


class _WhenImported:
    """Finds joblib as everybody else does; when it has been loaded, the cluster becomes what it uses by default."""

    def find_spec(self, name, path=None, target=None):
        if name != "joblib":
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_tell(module):
            load(module)
            import orris_cluster

            module.register_parallel_backend("orris", orris_cluster.ClusterBackend, make_default=True)

        spec.loader.exec_module = load_and_tell
        return spec


def _read_next():
    own = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if os.path.abspath(entry) != own])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(sys.modules[__name__])


sys.meta_path.insert(0, _WhenImported())
_read_next()
