"""`python -m orris.cli` is `orris`."""

from orris.cli.main import main

main()
