"""The sandbox for use by hand: prints how to reach it and what to try, and keeps it up.

Owns the text and the waiting. `stage.py` owns what is running.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.demo.show import put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.demo.fleet import Member
    from sandbox.demo.stage import Stage

ALIVE_CHECK_S = 0.5
"""How often to check whether a process has ended by itself; soon enough for a person."""

EXAMPLE_WORD = "INCRMIGEATING"

TEXT = """
Up: a Kubernetes API server, a simulated DCS with {count} migrations, the operator.
In another terminal:

export KUBECONFIG={kubeconfig}
export PATH={path}:$PATH
export KUBECTL_DCS_ALLOW_ENDPOINT={endpoint}

Three commands to try, on a migration that is {word} in DCS:
observe it, watch it, stop it.

kubectl apply --filename - <<EOF
apiVersion: dcs.huaweicloud.com/v1alpha1
kind: MigrationTask
metadata:
  name: {name}
spec:
  taskId: "{task_id}"
EOF

kubectl get dcsmt --watch

kubectl patch dcsmt {name} --type merge --patch '{{"spec": {{"stopped": true}}}}'

Not managed yet:       kubectl dcs import --running -o -
Their states:          kubectl dcs status
To stop all of them:   kubectl apply --filename {fleet}
Calls that DCS got:    curl --noproxy '*' {admin}/counts
The operator's log:    {log}

Ctrl-C ends everything.
"""


def stay(stage: Stage, fleet: Sequence[Member]) -> None:
    """Print what to do, and wait for Ctrl-C.

    Raises:
        StageError, ControlPlaneError: Something ended by itself.
    """
    manifests = stage.write("fleet.yaml", (one.manifest(stopped=True) for one in fleet))
    put(
        instructions(
            fleet,
            kubeconfig=shlex.quote(str(stage.plane.kubeconfig)),
            path=":".join(map(shlex.quote, _folders(stage))),
            endpoint=stage.endpoint,
            fleet_file=shlex.quote(str(manifests)),
            admin=stage.admin,
            log=str(stage.operator_log),
        )
    )
    # Once everything is up, Ctrl-C is the normal end; before that, it is an interruption.
    with contextlib.suppress(KeyboardInterrupt):
        while stage.check_alive():
            time.sleep(ALIVE_CHECK_S)
    put("Ending everything.")


def _folders(stage: Stage) -> list[str]:
    """Return the folders of kubectl and its plugin."""
    return [str(stage.plane.binaries["kubectl"].parent), str(Path(sys.executable).parent)]


def instructions(
    fleet: Sequence[Member],
    *,
    kubeconfig: str,
    path: str,
    endpoint: str,
    fleet_file: str,
    admin: str,
    log: str,
) -> str:
    """Return the text, with a migration that runs until it is stopped as the example."""
    example = next(one for one in fleet if one.can_be_stopped and one.word == EXAMPLE_WORD)
    return TEXT.format(
        count=len(fleet),
        kubeconfig=kubeconfig,
        path=path,
        endpoint=endpoint,
        word=example.word,
        name=example.name,
        task_id=example.task_id,
        fleet=fleet_file,
        admin=admin,
        log=log,
    )
