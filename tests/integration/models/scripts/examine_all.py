"""Examine every <name>.joblib of the current folder with the shipped program, in one process: imports take seconds."""

import os
import sys
import warnings

sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")

from orris_conversion import report  # noqa: E402
from orris_conversion.examine import examine  # noqa: E402
from orris_conversion.load_model import load  # noqa: E402

for name in sorted(os.listdir(".")):
    stem, suffix = os.path.splitext(name)
    if suffix == ".joblib":
        report.write(examine(load(name)), os.path.join("outputs", stem))
