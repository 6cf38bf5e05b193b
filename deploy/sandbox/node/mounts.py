"""The file system of the enclosure: what the node writes stays in memory and ends with it.

Owns which folders are replaced and how. Runs only inside the enclosure: in the mount namespace of
the machine it would do harm, so it refuses to run there.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from sandbox.node.remains import TUNABLES

FOLDER: Final = Path("/run/dcs-node")
"""Where the node keeps everything; a file system in memory."""

MEMORY_MAX: Final = "4g"
"""Size of that file system: the image twice, packed and unpacked, etcd and logs take 1 GB."""

MOUNT_S_MAX: Final = 30.0


class NotEnclosedError(Exception):
    """This process is not in an enclosure."""


def prepare(outside: str) -> None:
    """Replace `/run` and, for writing, `/var`; provide the settings that a kubelet expects.

    Args:
        outside: The mount namespace of the machine, as `mnt:[4026531841]`.

    Raises:
        NotEnclosedError: This process is in it.
    """
    if str(Path("/proc/self/ns/mnt").readlink()) == outside:
        raise NotEnclosedError("Mounts are made in the enclosure only, not on the machine itself.")
    _mount("-t", "tmpfs", "-o", f"mode=755,size={MEMORY_MAX}", "tmpfs", "/run")
    upper, work = FOLDER / "var" / "upper", FOLDER / "var" / "work"
    for folder in (upper, work, FOLDER / "tmp", FOLDER / "settings", Path("/run/lock")):
        folder.mkdir(parents=True)
    layers = f"lowerdir=/var,upperdir={upper},workdir={work}"
    _mount("-t", "overlay", "-o", layers, "overlay", "/var")
    # A kubelet sets these for the whole machine unless they are as it wants them.
    for name, value in TUNABLES.items():
        file = FOLDER / "settings" / name.replace("/", ".")
        file.write_text(f"{value}\n", encoding="ascii")
        if Path("/proc/sys", name).exists():
            _mount("--bind", str(file), f"/proc/sys/{name}")


def _mount(*arguments: str) -> None:
    subprocess.run(  # noqa: S603 - the fixed arguments above
        ["/bin/mount", *arguments], check=True, capture_output=True, timeout=MOUNT_S_MAX
    )
