"""Serve a user's scoring script over HTTP: the script of a replica's run."""

from orris_scoring.main import main

# Who starts several processes of a program imports its script again.
if __name__ == "__main__":
    main()
