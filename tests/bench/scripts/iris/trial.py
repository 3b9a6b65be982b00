"""A trial of a sweep."""

import argparse

from training import train

from azureml.core import Run

parser = argparse.ArgumentParser()
parser.add_argument("--kernel")
parser.add_argument("--penalty", type=float)
arguments = parser.parse_args()
Run.get_context().log("Accuracy", train(arguments.kernel, arguments.penalty))
