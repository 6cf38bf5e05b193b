"""What the tests of the page need besides Python: a browser, its driver, and TypeScript.

`python -m board.tools` installs what is missing where it can: Debian's packages as root, TypeScript
by npm with the hashes of `types/package-lock.json`. Else it says what to do and fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build" / "board"
"""Where artefacts of the tests go: screenshots, figures, TypeScript."""

LOCK: Final = Path(__file__).parent / "types"
TSC: Final = BUILD / "types" / "node_modules" / "typescript" / "bin" / "tsc"

PACKAGES: Final = ("chromium", "chromium-driver", "fonts-noto-cjk")
BROWSERS: Final = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
DRIVER: Final = "chromedriver"

INSTALL_S_MAX: Final = 1200.0

HOW: Final = (
    "install a browser: `apt-get install chromium chromium-driver` on Debian, or Chrome with its"
    " chromedriver elsewhere, both on the PATH"
)
HOW_NODE: Final = "install Node.js 20 or newer with npm: TypeScript checks the types of the page"


def browser() -> str | None:
    """Return the browser on this machine; None if there is none with a driver."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    return found if found and shutil.which(DRIVER) else None


def may_install() -> bool:
    """Tell whether packages of the system can be installed here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command and show what it says."""
    sys.stderr.write(f"+ {' '.join(command)}\n")
    subprocess.run(command, check=True, timeout=INSTALL_S_MAX, cwd=cwd)  # noqa: S603 - constants


def install_browser() -> None:
    """Install the browser.

    Raises:
        SystemExit: It cannot be installed here.
    """
    if browser():
        return
    if not may_install():
        raise SystemExit(f"there is no browser to look at the board with: {HOW}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "update", "-qq")
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    if not browser():
        raise SystemExit(f"the packages {', '.join(PACKAGES)} brought no browser: {HOW}")


def install_typescript() -> None:
    """Install TypeScript below `build`.

    Raises:
        SystemExit: There is no npm.
    """
    folder = BUILD / "types"
    lock = (LOCK / "package-lock.json").read_bytes()
    there = folder / "package-lock.json"
    if TSC.exists() and there.exists() and there.read_bytes() == lock:
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(HOW_NODE)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(LOCK / name, folder / name)
    run(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)


if __name__ == "__main__":
    install_browser()
    install_typescript()
