"""An interpreter that has imported what runs import, and is forked for each; importlib_bootstrap.py tells how.

Standard library only, Python 3.6 syntax. Linux only.
"""
