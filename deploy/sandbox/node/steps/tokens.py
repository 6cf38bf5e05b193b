"""The projected token is replaced while the operator runs.

The kubelet does so after 48 minutes of a token's hour. It also does so after a restart, which is
used here; the API server's audit log shows the token of each request.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from sandbox.node import pods

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sandbox.node.pods import Pod
    from sandbox.node.stage import Stage

TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path

CREDENTIAL, POD = (f"authentication.kubernetes.io/{name}" for name in ("credential-id", "pod-name"))
"""What the API server notes of a request that came with a ServiceAccount's token."""

OVERLAP: Final = timedelta(seconds=1)
"""A request in progress when the file changed may arrive this much later."""

TASKS: Final = 10


@dataclass(frozen=True)
class Use:
    """One request that came with a ServiceAccount's token."""

    pod: str
    token_id: str
    at: datetime


def token_rotation(stage: Stage) -> None:
    """Each pod uses its new token as soon as it exists, and no old one, without a restart."""
    node = stage.node
    found = pods.all_pods(node)
    restarts = {pod.uid: pod.restarts for pod in found}
    old = {pod.name: _mounted(stage, pod) for pod in found}
    node.restart_kubelet()

    def replaced() -> dict[str, str] | None:
        new = {pod.name: _mounted(stage, pod) for pod in found}
        return new if not set(new.values()) & set(old.values()) else None

    new: dict[str, str] = stage.until(replaced)
    stage.show.fact(f"the kubelet was restarted and gave new tokens to {len(new)} pods")
    # Each renews the Lease, or looks at it, every 2 s.
    stage.until(lambda: set(new.values()) <= {use.token_id for use in _uses(stage)})
    stage.show.fact("each has used its new one, as the API server's audit log says")
    stage.until_terminated(stage.wish(TASKS))
    late = used_late(_uses(stage), old, new)
    stage.need(not late, f"used its old token after its new one: {', '.join(late)}")
    after = {pod.uid: pod.restarts for pod in pods.all_pods(node)}
    stage.need(after == restarts, "a pod was restarted")
    stage.show.fact(stage.check_sum())


def used_late(uses: list[Use], old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the pods that used their old token after they had used their new one.

    Args:
        uses: All requests.
        old: The id of the token that each pod had before.
        new: The id of the one that it received.
    """
    late = set()
    for pod, token in new.items():
        first = min(use.at for use in uses if use.token_id == token)
        if any(use.token_id == old[pod] and use.at > first + OVERLAP for use in uses):
            late.add(pod)
    return sorted(late)


def uses_in(lines: Iterable[str]) -> list[Use]:
    """Return the requests of an audit log that came with a ServiceAccount's token."""
    found = []
    for line in lines:
        event = json.loads(line)
        extra = event["user"].get("extra", {})
        if CREDENTIAL in extra and POD in extra:
            (credential,), (pod,) = extra[CREDENTIAL], extra[POD]
            at = datetime.fromisoformat(event["requestReceivedTimestamp"])
            found.append(Use(pod, credential.removeprefix("JTI="), at))
    return found


def token_id(token: str) -> str:
    """Return the id (`jti`) of a token, which is a JSON Web Token."""
    payload = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"])


def _mounted(stage: Stage, pod: Pod) -> str:
    """Return the id of the token that is mounted in a pod."""
    where = f"--namespace={pods.NAMESPACE}"
    return token_id(stage.node.shell.kubectl("exec", where, pod.name, "--", "cat", TOKEN))


def _uses(stage: Stage) -> list[Use]:
    text = stage.node.audit_log.read_text(encoding="utf-8")
    # The last line may be half written.
    return uses_in(text[: text.rfind("\n") + 1].splitlines())
