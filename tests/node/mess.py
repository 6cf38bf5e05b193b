"""Makes a mess in an enclosure: one of everything that a node makes; then ends, fails or stays.

Run inside of it only, as `python mess.py OUTSIDE CGROUP MARKER WAY`, where OUTSIDE is the mount
namespace of the machine, MARKER a file that is written when all is made, and WAY how to go on.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from sandbox.node import cgroups, mounts

LINKS = """
ip link set lo up
ip link add mess0 type bridge
ip address add 10.202.0.1/16 dev mess0
ip link set mess0 up
ip link add mess1 type veth peer name mess2
ip netns add mess
ip link set mess2 netns mess
ipset create mess hash:ip
iptables -N MESS
iptables -A FORWARD -m set --match-set mess src -j MESS
mkdir -p /run/mess /var/lib/mess
mount -t tmpfs tmpfs /run/mess
"""

DAEMON = "( setsid sleep 987654 & )"
"""Gives a process away to the first one, as a shim of containerd does."""


def main(outside: str, cgroup: str, marker: str, way: str) -> int:
    """Make it, and return the exit status of this way to go on."""
    mounts.prepare(outside)
    subprocess.run(["/bin/sh", "-eu", "-c", LINKS], check=True)  # noqa: S603 - the text above
    subprocess.run(["/bin/sh", "-c", DAEMON], check=True)  # noqa: S603 - the text above
    for top in cgroups.hierarchies():
        pod = top / cgroup / "kubepods" / "pod1"
        pod.mkdir(parents=True)
        if top.name in {"memory", "pids"}:
            sleeper = subprocess.Popen(["/bin/sleep", "987654"])
            (pod / "cgroup.procs").write_text(str(sleeper.pid), encoding="ascii")
    Path(marker).write_text(str(os.getpid()), encoding="ascii")
    if way == "stay":
        time.sleep(3600)
    return {"end": 0, "fail": 3}[way]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
