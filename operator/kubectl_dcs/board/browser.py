"""Opens the page in the user's browser without showing its token to the machine's other users.

An address on a command line can be read by everyone who may list processes. So the browser opens a
file that only its owner may read, and that redirects to the address.
"""

from __future__ import annotations

import html
import os
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Final

PAGE: Final = """<!doctype html><meta charset="utf-8"><title>kubectl dcs board</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url={url}">
<p><a href="{url}">The board</a></p>
"""


def has_screen() -> bool:
    """Return whether there is a screen on which a browser could open a window."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(url: str) -> tempfile.TemporaryDirectory[str]:
    """Open an address; returns the folder that must be kept while the board runs."""
    folder = tempfile.TemporaryDirectory(prefix="kubectl-dcs-")
    page = Path(folder.name) / "board.html"
    page.write_text(PAGE.format(url=html.escape(url, quote=True)), encoding="utf-8")
    # Some browsers block the caller until they end.
    threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True).start()
    return folder
