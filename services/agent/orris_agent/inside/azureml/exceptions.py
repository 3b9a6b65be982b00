"""The exceptions that user code catches."""

from orris import _exceptions

__all__ = _exceptions.NAMES

globals().update((name, getattr(_exceptions, name)) for name in __all__)
