"""What somebody sent, as a message may repeat it."""

import re

CHARACTERS = 100
_CREDENTIALS = re.compile(r"(?<=://)[^\s\"']*@")


def quoted(text: str) -> str:
    """Return a text in quotes: cut, and without the name and the password of an address."""
    return repr(without_credentials(text.strip())[:CHARACTERS])


def without_credentials(text: str) -> str:
    """Return a text with *** for what stands before the host of an address."""
    return _CREDENTIALS.sub("***@", text)
