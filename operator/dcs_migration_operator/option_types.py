"""Types of options that are validated at startup: a file of certificates and a proxy URL.

An error says what is wrong but, unlike argparse's own, quotes no URL, which may hold a password.
"""

from __future__ import annotations

import argparse


def bundle_path(text: str) -> str:
    """Return the path of a file of certificates; an empty text means none."""
    from dcs_migration_operator.dcs.trust import trust_in  # noqa: PLC0415 - needed by few

    path = text.strip()
    try:
        if path:
            trust_in(path)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def proxy_url(text: str) -> str:
    """Return the URL of a proxy; an empty text means none."""
    from dcs_migration_operator.dcs.proxy import proxy_of  # noqa: PLC0415 - needed by few

    url = text.strip()
    try:
        if url:
            proxy_of(url)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return url
