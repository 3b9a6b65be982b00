import sys


class Namespace:
    """As `typing.io` is one where typing has it."""

    value = 1


sys.modules["namespace"] = Namespace
print("well")
