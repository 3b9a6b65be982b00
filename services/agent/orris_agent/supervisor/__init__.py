"""The supervisor of one run; `__main__.py` tells what it does.

Standard library only, Python 3.6 syntax. What would cost milliseconds to import is avoided or imported late.
On Linux everything the run starts is found and ended, wherever it hides. Elsewhere that holds for what stays in the
main process's group or keeps its parents. The files are described in ARCHITECTURE.md, "The folder of a run".
"""
