"""Installs the Debian packages that `make image` and `make node` need: `make image-tools`.

Owns the list, with the purpose of each, and the one-line message if they cannot be installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Final

PACKAGES: Final = {
    "buildah": "builds images",
    "podman": "builds images and runs containers",
    "golang-github-containers-common": "the settings of both",
    "conmon": "watches podman's containers",
    "uidmap": "maps the users of a build",
    "mmdebstrap": "makes the stand-in for a base that cannot be pulled",
    "runc": "starts containers, podman's and the node's",
    "containernetworking-plugins": "connects pods to the node's bridge",
    "iproute2": "makes bridge and links",
    "iptables": "carries out NetworkPolicies",
    "ipset": "holds their addresses",
}

INSTALL_S_MAX: Final = 1200.0
"""Time limit of apt: half a minute at the usual download speed."""

CANNOT: Final = 77
"""Exit status for "not on this machine", as in automake for a test that cannot be run."""


def installed(name: str) -> bool:
    """Return whether a Debian package is installed."""
    command = ["dpkg-query", "--show", "--showformat=${Status}", name]
    answer = subprocess.run(  # noqa: S603 - a fixed command
        command, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False
    )
    return answer.stdout.endswith(" installed")


def obstacle(*, apt: bool, root: bool, missing: list[str]) -> str:
    """Return why the packages cannot be installed, with what to do; empty if they can."""
    names = " ".join(missing)
    if not apt:
        return f"There is no apt-get here; install what corresponds to: {names}"
    if not root:
        return f"Only root can do it: sudo apt-get install --no-install-recommends {names}"
    return ""


def main() -> int:
    """Install what is missing and return the exit status."""
    apt = shutil.which("apt-get") is not None
    missing = [name for name in PACKAGES if not (apt and installed(name))]
    if not missing:
        sys.stderr.write("Everything is installed.\n")
        return 0
    line = obstacle(apt=apt, root=os.geteuid() == 0, missing=missing)
    if line:
        sys.stderr.write(f"{line}\n")
        return CANNOT
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        answer = subprocess.run(  # noqa: S603 - the packages above
            ["apt-get", "--quiet", *arguments],  # noqa: S607 - root's own PATH
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_S_MAX,
            check=False,
        )
        if answer.returncode != 0:
            sys.stderr.write(f"apt-get {arguments[0]} failed; what it said is above.\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
