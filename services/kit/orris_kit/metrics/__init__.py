"""What can be read of this process from outside: numbers, gathered when somebody asks for them.

provide(stack, lambda: [Family("orris_agents_connected", "Agents that can be given runs.", ("pool",), {("local",): 1})])

What is counted all the time (calls, predictions) is counted in plain objects: prometheus-client is imported with the
first question. Labels have few values, whatever callers send: methods, states, pools, endpoints; never runs or people.
"""

from orris_kit.metrics.calls import CALLS
from orris_kit.metrics.families import Distribution, Family
from orris_kit.metrics.histogram import Histogram
from orris_kit.metrics.sources import Source, gather, provide

__all__ = ["CALLS", "Distribution", "Family", "Histogram", "Source", "gather", "provide"]
