"""Azure ML's names, inside a run: what scripts import can be imported; what makes sense inside a run works.

_names.py lists the modules and their names. Those without a file here are made from that list when they are imported.
"""

import sys

from . import _synthesis

sys.meta_path.append(_synthesis.Finder())
