"""Lets equal texts share their memory, because thousands of resources hold the same ones."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def shared(text: str) -> str:
    """Return an equal text, as the same object for all recent callers.

    `sys.intern` would do this, but early releases of Python 3.12 never free interned strings.
    """
    return text
