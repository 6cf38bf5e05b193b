"""Lets equal texts share their memory: thousands of resources say the same."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def shared(text: str) -> str:
    """Return the text, as the same object for everybody who lately asked for an equal one.

    `sys.intern` would do, but early releases of Python 3.12 never forget what it was given.
    """
    return text
